//! The keys that records may come with: those in use, and for a while those before.
