//! BPF in the kernel: programs that are loaded.

pub mod program;

pub use program::Program;
