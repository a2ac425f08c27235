//! The storage_* JSON-RPC methods: server, types and client.
