//! CPU time and memory of processes, from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// The CPU time that a process has used, user and system, in the ticks in which the kernel accounts for it (proc(5),
/// `/proc/PID/stat`, fields 14 and 15).
pub fn process(pid: u32) -> Result<Duration> {
    let fields = stat(pid)?;
    let ticks =
        |number: usize| -> Result<u64> { Ok(fields.get(number - 3).context("too few fields")?.parse()?) };
    Ok(from_ticks(ticks(14)? + ticks(15)?))
}

/// The CPU time that a process and its descendants have used, to the nanosecond.
pub fn tree(root: u32) -> Result<Duration> {
    Ok(descendants(root)?.into_iter().map(threads).sum())
}

/// The memory that a process and its descendants hold, in bytes (proc(5), `/proc/PID/stat`, field 24). What they share
/// counts for each of them: only differences tell something.
pub fn resident(root: u32) -> Result<u64> {
    let pages = |pid| stat(pid).ok()?.get(21)?.parse::<u64>().ok();
    // SAFETY: sysconf reads a constant.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) })?;
    Ok(descendants(root)?.into_iter().filter_map(pages).sum::<u64>() * page)
}

/// A process and all that descend from it.
fn descendants(root: u32) -> Result<Vec<u32>> {
    let mut parents = BTreeMap::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
        // A process may end between the two looks.
        if let Some((pid, parent)) = pid.and_then(|pid| Some((pid, parent(pid)?))) {
            parents.insert(pid, parent);
        }
    }
    let belongs = |mut pid: u32| {
        while pid != root {
            match parents.get(&pid) {
                Some(parent) if *parent != 0 => pid = *parent,
                _ => return false,
            }
        }
        true
    };
    Ok(parents.keys().copied().filter(|pid| belongs(*pid)).collect())
}

/// The time that all processors of the machine were not idle, whatever they did; for what no process is charged.
pub fn machine() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let fields: Vec<u64> = stat
        .lines()
        .next()
        .context("/proc/stat is empty")?
        .split_whitespace()
        .skip(1)
        .map(|field| field.parse().context("/proc/stat"))
        .collect::<Result<_>>()?;
    // user, nice, system, idle, iowait, irq, softirq (proc(5)); guest time is part of the first.
    let busy = [0, 1, 2, 5, 6].iter().filter_map(|i| fields.get(*i)).sum();
    Ok(from_ticks(busy))
}

/// The CPU time of all threads of a process: the first field of their schedstat, in nanoseconds.
fn threads(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks
        .filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
        })
        .sum()
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid).ok()?.get(1)?.parse().ok()
}

/// The fields of `/proc/PID/stat` from the third on.
fn stat(pid: u32) -> Result<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the name in parentheses and may contain anything; the third follows the last of them.
    let (_, rest) = stat.rsplit_once(')').with_context(|| format!("/proc/{pid}/stat: {stat}"))?;
    Ok(rest.split_whitespace().map(str::to_owned).collect())
}

fn from_ticks(ticks: u64) -> Duration {
    // SAFETY: sysconf reads a constant.
    let per_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).unwrap_or(100);
    Duration::from_millis(ticks * 1000 / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time() {
        let pid = std::process::id();
        let before = tree(pid).unwrap();
        let sum = (0..20_000_000u64)
            .fold(0, |sum: u64, i| std::hint::black_box(sum.wrapping_mul(31).wrapping_add(i)));
        std::hint::black_box(sum);
        assert!(tree(pid).unwrap() > before);
        assert!(process(pid).unwrap() <= machine().unwrap());
    }
}
