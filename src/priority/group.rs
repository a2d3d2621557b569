//! Whether the threads of this process share a core among themselves before they share it with others: Linux does that for
//! the processes of a control group, as every container is one, and of a session. Told from files; see cgroups(7) and
//! sched(7), "The autogroup feature".

use std::fs;
use std::path::Path;

/// Whether it is so, as far as can be told; `false` where it cannot.
pub(super) fn is_own() -> bool {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let sessions = fs::read_to_string("/proc/sys/kernel/sched_autogroup_enabled").unwrap_or_default();
    sessions.trim() == "1" || has_share(&groups, |file| Path::new("/sys/fs/cgroup").join(file).exists())
}

/// Whether one of the groups has a share of the processors to itself: version 2 shows it by a file that the root has not, and
/// version 1 has no such sign, only a path of which a container may see no more than the end.
fn has_share(groups: &str, exists: impl Fn(&str) -> bool) -> bool {
    groups.lines().any(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return false };
        match controllers {
            "" => exists(format!("{path}/cpu.weight").replace("//", "/").trim_start_matches('/')),
            _ => controllers.split(',').any(|controller| controller == "cpu") && path != "/",
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_shows_in_the_groups_of_either_version() {
        let weights = |known: &'static str| move |file: &str| file == known;
        // In a container, which sees its own group as the root; as a service; and in the root itself.
        assert!(has_share("0::/\n", weights("cpu.weight")));
        assert!(has_share("0::/system.slice/onnxd.service\n", weights("system.slice/onnxd.service/cpu.weight")));
        assert!(!has_share("0::/\n", |_| false));
        assert!(has_share("4:memory:/a\n2:cpu,cpuacct:/docker/5f\n0::/\n", |_| false));
        assert!(!has_share("4:memory:/a\n2:cpuacct:/docker/5f\n1:cpu:/\n", |_| false));
        assert!(!has_share("", |_| true));
    }
}
