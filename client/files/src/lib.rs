//! Files: encrypt, split, pack, upload, find again, read back.
