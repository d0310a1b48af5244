//! An embedded cluster.
