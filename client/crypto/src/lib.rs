//! Keys, phrases, segments and links: the client's cryptography.
