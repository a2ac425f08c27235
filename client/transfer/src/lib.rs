//! The transfer protocol between stations and their users.
