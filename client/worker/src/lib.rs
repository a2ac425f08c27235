//! The provider's flows: accept upload, seal, commit, prove, serve, retire.
