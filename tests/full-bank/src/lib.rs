//! A smoke story in a full bank.
