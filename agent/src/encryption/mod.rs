//! Virtual network encryption on one host: packets between NICs that encrypt cross the underlay in DTLS 1.3 records.
//!
//! | module | idea |
//! |---|---|
//! | [`engine`] | the threads that seal and open packets |

pub mod engine;
