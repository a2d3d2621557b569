//! How much memory the container has left. A trial that went beyond it would be killed together with the server, where
//! the container's processes are killed as one; a limit below it is an error in words.

use std::fs;

/// Bytes left below the limit of this control group; `None` where there is no limit or no telling.
pub fn left() -> Option<u64> {
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok()?;
    let in_use = fs::read_to_string("/sys/fs/cgroup/memory.stat").ok()?;
    below(&limit, &in_use)
}

/// The limit less what processes hold; pages of files are given back when memory is short.
fn below(limit: &str, statistics: &str) -> Option<u64> {
    let limit: u64 = limit.trim().parse().ok()?;
    let held = statistics.lines().find_map(|line| line.strip_prefix("anon ")?.trim().parse().ok()).unwrap_or(0);
    Some(limit.saturating_sub(held))
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn what_is_left_is_the_limit_less_what_processes_hold() {
        assert_eq!(below("1000\n", "anon 300\nfile 500\n"), Some(700));
        assert_eq!(below("1000\n", "file 500\n"), Some(1000));
        assert_eq!(below("100\n", "anon 300\n"), Some(0));
        assert_eq!(below("max\n", "anon 300\n"), None);
    }
}
