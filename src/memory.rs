//! How much memory there is left, and giving back what is free.
//!
//! Freed memory goes back to the system where it matters. The system's allocator keeps what is freed for later, a model's
//! weights in pieces between blocks that are still in use, so that a process which exchanges models would soon hold several
//! times the largest of them. Loading a model and dropping it are rare; there the free pages are given back.

use std::fs;
use std::path::{Path, PathBuf};

/// Bytes left below the limits of the control groups that this process is in, of either version; `None` where there is no
/// limit, or no telling. Reads a few files.
pub fn left() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let read = |folder: &Path, file: &str| fs::read_to_string(folder.join(file)).ok();
    let left = |folder: PathBuf| {
        let limit = read(&folder, "memory.max").or_else(|| read(&folder, "memory.limit_in_bytes"))?;
        below(&limit, &read(&folder, "memory.stat")?)
    };
    folders(&groups).into_iter().filter_map(left).min()
}

/// Where the limits of these groups are told, and those of the groups that they are in. A container may see no more than its
/// own group, as the root, and be told a path that is not there.
fn folders(groups: &str) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let root = Path::new("/sys/fs/cgroup");
        let root = match controllers {
            "" => root.to_owned(),
            _ if controllers.split(',').any(|controller| controller == "memory") => root.join("memory"),
            _ => continue,
        };
        folders.extend(Path::new(path.trim_start_matches('/')).ancestors().map(|group| root.join(group)));
    }
    folders
}

/// The limit less what processes hold; pages of files are given back when memory is short.
fn below(limit: &str, statistics: &str) -> Option<u64> {
    // The older version writes the largest number of pages where there is no limit.
    let limit: u64 = limit.trim().parse().ok().filter(|&limit| limit < 1 << 60)?;
    let held = |line: &str| line.strip_prefix("anon ").or_else(|| line.strip_prefix("total_rss "))?.trim().parse().ok();
    Some(limit.saturating_sub(statistics.lines().find_map(held).unwrap_or(0)))
}

/// Gives every free page back. Blocking for as long as it takes to walk what is free: microseconds to a few milliseconds.
/// Does nothing where the allocator is another than the GNU C library's.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[allow(unsafe_code)]
    // SAFETY: it takes no pointer, asks nothing of its caller, and locks what it walks through; see malloc_trim(3).
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The last field of what holds a lot of memory: gives it back after the fields before it have been dropped.
#[derive(Debug)]
pub struct GivenBack;

impl Drop for GivenBack {
    fn drop(&mut self) {
        give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_the_limit_less_what_processes_hold() {
        assert_eq!(below("1000\n", "anon 300\nfile 500\n"), Some(700));
        assert_eq!(below("1000\n", "file 500\n"), Some(1000));
        assert_eq!(below("100\n", "anon 300\n"), Some(0));
        assert_eq!(below("max\n", "anon 300\n"), None);
        assert_eq!(below("1000\n", "rss 200\ntotal_cache 9\ntotal_rss 300\n"), Some(700));
        assert_eq!(below("9223372036854771712\n", "total_rss 300\n"), None);
    }

    #[test]
    fn limits_are_those_of_all_groups_around() {
        let told = |groups: &str| folders(groups).iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        assert_eq!(told("0::/\n"), ["/sys/fs/cgroup/"]);
        let service = ["/sys/fs/cgroup/system.slice/onnxd.service", "/sys/fs/cgroup/system.slice", "/sys/fs/cgroup/"];
        assert_eq!(told("0::/system.slice/onnxd.service\n"), service);
        let docker = ["/sys/fs/cgroup/memory/docker/5f", "/sys/fs/cgroup/memory/docker", "/sys/fs/cgroup/memory/"];
        assert_eq!(told("7:memory:/docker/5f\n4:cpu,cpuacct:/docker/5f\n"), docker);
        assert!(told("").is_empty());
    }
}
