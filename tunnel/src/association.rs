//! The life of a pair of NICs: opened on first use, new keys in time, closed when idle.
