//! Work on all processors. What comes of it does not depend on how many there are.

use std::sync::atomic::{AtomicUsize, Ordering};

/// So many numbers are taken at a time.
const BLOCK: usize = 16;
/// More threads do not help.
const MOST_THREADS: usize = 8;

/// `make` of each number below `count`, in their order.
pub(crate) fn map<T: Send>(count: usize, make: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let mut blocks = on_all(count.div_ceil(BLOCK), || {
        let mut done = Vec::new();
        loop {
            let block = next.fetch_add(1, Ordering::Relaxed);
            let start = block.saturating_mul(BLOCK);
            if start >= count {
                return done;
            }
            done.push((block, (start..count.min(start + BLOCK)).map(&make).collect::<Vec<_>>()));
        }
    });
    blocks.sort_unstable_by_key(|(block, _)| *block);
    let mut all = Vec::with_capacity(count);
    blocks.into_iter().for_each(|(_, block)| all.extend(block));
    all
}

/// What `run` gives on each processor, for at most `pieces` of work. A panic on one of them is one here.
pub(crate) fn on_all<T: Send>(pieces: usize, run: impl Fn() -> Vec<T> + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS).min(pieces);
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(&run)).collect();
        let mut done = run();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_made_once_and_in_order() {
        for count in [0, 1, BLOCK, 1000] {
            assert_eq!(
                map(count, |number| number * 2),
                (0..count).map(|number| number * 2).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    #[should_panic(expected = "seven hundred")]
    fn a_panic_is_passed_on() {
        map(1000, |number| assert_ne!(number, 700, "seven hundred"));
    }
}
