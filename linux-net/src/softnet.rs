//! Frames that have been handed from one device of a pair to the other, and wait for a processor to receive them.

use std::fs;
use std::io;

/// One line for each processor. Every network namespace shows the same.
const STATISTICS: &str = "/proc/thread-self/net/softnet_stat";
/// `softnet_backlog_len`, counted from 0; since Linux 5.10.
const BACKLOG: usize = 11;

/// How many frames wait on each processor, whichever device has them, by the processors' order in the kernel's list.
///
/// # Errors
/// When the kernel cannot be asked, or does not tell.
pub fn backlogs() -> io::Result<Vec<u32>> {
    parse(&fs::read_to_string(STATISTICS)?).ok_or_else(|| {
        io::Error::new(io::ErrorKind::Unsupported, "this kernel does not count waiting frames")
    })
}

fn parse(text: &str) -> Option<Vec<u32>> {
    let backlog = |line: &str| u32::from_str_radix(line.split_whitespace().nth(BACKLOG)?, 16).ok();
    text.lines().map(backlog).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_twelfth_number_of_each_line_counts() {
        let line = |backlog: &str| format!("0000aa 0 1 0 0 0 0 0 0 0 0 {backlog} 00000001 {backlog} 0\n");
        assert_eq!(parse(&(line("00000000") + &line("0000001f"))), Some(vec![0, 31]));
        assert_eq!(parse("0000aa 0 1 0 0 0 0 0 0 0 0\n"), None, "Linux 5.9");
    }

    #[test]
    fn this_kernel_tells() {
        assert!(!backlogs().unwrap().is_empty());
    }
}
