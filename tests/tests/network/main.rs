//! Whole networks of real processes, three at a time: most of what they do is wait for blocks.

mod chaos;
mod exit_codes;
mod failpoints;
mod faults;
mod hostile;
mod json_rpc;
mod leave;
mod localnet;
mod malicious;
mod money;
mod privacy;
mod put_get;
mod recovery;
mod repair;
