//! The bpf(2) commands that aya has no functions for: links that are pinned and updated, and batches of map entries.
//!
//! Each command has a structure of its own, as long as the part of the kernel's `union bpf_attr` that it uses: the
//! kernel takes a shorter union and reads the rest as zeroes.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use aya::Pod;

const BPF_MAP_DELETE_ELEM: i32 = 3;
const BPF_OBJ_PIN: i32 = 6;
const BPF_OBJ_GET: i32 = 7;
const BPF_PROG_TEST_RUN: i32 = 10;
const BPF_OBJ_GET_INFO_BY_FD: i32 = 15;
const BPF_MAP_LOOKUP_BATCH: i32 = 24;
const BPF_MAP_DELETE_BATCH: i32 = 27;
const BPF_LINK_CREATE: i32 = 28;
const BPF_LINK_UPDATE: i32 = 29;
const BPF_LINK_DETACH: i32 = 34;

/// `enum bpf_attach_type` of XDP programs.
const BPF_XDP: u32 = 37;
/// `enum bpf_link_type` of XDP links.
const BPF_LINK_TYPE_XDP: u32 = 6;

/// Attach in the stack, on socket buffers (if_link.h, `XDP_FLAGS_SKB_MODE`).
pub(crate) const XDP_FLAGS_SKB_MODE: u32 = 1 << 1;
/// Attach in the driver (if_link.h, `XDP_FLAGS_DRV_MODE`).
pub(crate) const XDP_FLAGS_DRV_MODE: u32 = 1 << 2;

/// A bpf(2) command that failed, with what it was to work on.
#[derive(Debug, thiserror::Error)]
#[error("{command} of {object}: {source}")]
pub struct BpfError {
    /// The command's name in bpf(2).
    pub command: &'static str,
    /// The file, map or interface.
    pub object: String,
    /// What the kernel answered.
    #[source]
    pub source: io::Error,
}

impl BpfError {
    /// The error number.
    pub fn errno(&self) -> i32 {
        self.source.raw_os_error().unwrap_or(0)
    }
}

/// Calls bpf(2) and gives its result, which is a descriptor for some commands.
///
/// # Safety
///
/// `attr` must be laid out as the command wants it, and the memory that it points to must be valid for what the
/// command reads and writes there.
unsafe fn bpf<T>(command: i32, attr: &mut T) -> io::Result<i32> {
    // SAFETY: `attr` is a live structure of the length that is passed; the rest is the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), size_of::<T>()) };
    i32::try_from(result).ok().filter(|&r| r >= 0).ok_or_else(io::Error::last_os_error)
}

/// As [`bpf`], for commands that give a descriptor.
///
/// # Safety
///
/// As for [`bpf`]; the command must be one that returns a new descriptor.
unsafe fn bpf_fd<T>(command: i32, attr: &mut T) -> io::Result<OwnedFd> {
    // SAFETY: passed on to the caller.
    let fd = unsafe { bpf(command, attr)? };
    // SAFETY: the kernel has just made this descriptor for us, nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[repr(C)]
#[derive(Default)]
struct ObjAttr {
    pathname: u64,
    bpf_fd: u32,
    file_flags: u32,
}

/// Pins a program, map or link at a path of a BPF file system.
pub(crate) fn pin(fd: BorrowedFd<'_>, path: &Path) -> Result<(), BpfError> {
    obj_command("BPF_OBJ_PIN", path, |pathname| {
        let mut attr = ObjAttr { pathname, bpf_fd: fd.as_raw_fd() as u32, file_flags: 0 };
        // SAFETY: `pathname` points to a string that ends in NUL and outlives the call.
        unsafe { bpf(BPF_OBJ_PIN, &mut attr) }.map(|_| ())
    })
}

/// Opens what is pinned at a path.
pub(crate) fn open_pinned(path: &Path) -> Result<OwnedFd, BpfError> {
    obj_command("BPF_OBJ_GET", path, |pathname| {
        let mut attr = ObjAttr { pathname, ..ObjAttr::default() };
        // SAFETY: `pathname` points to a string that ends in NUL and outlives the call; the command returns a descriptor.
        unsafe { bpf_fd(BPF_OBJ_GET, &mut attr) }
    })
}

fn obj_command<T>(
    command: &'static str,
    path: &Path,
    call: impl FnOnce(u64) -> io::Result<T>,
) -> Result<T, BpfError> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(io::Error::from)
        .and_then(|name| call(name.as_ptr() as u64))
        .map_err(|source| BpfError { command, object: path.display().to_string(), source })
}

#[repr(C)]
#[derive(Default)]
struct TestRunAttr {
    prog_fd: u32,
    retval: u32,
    data_size_in: u32,
    data_size_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
}

/// Runs a program once, for a frame that goes nowhere.
pub(crate) fn run(program: BorrowedFd<'_>) -> Result<(), BpfError> {
    // The least that counts as a frame.
    let frame = [0_u8; 14];
    let mut attr = TestRunAttr {
        prog_fd: program.as_raw_fd() as u32,
        data_size_in: frame.len() as u32,
        data_in: frame.as_ptr() as u64,
        repeat: 1,
        ..TestRunAttr::default()
    };
    // SAFETY: the kernel reads the frame, which outlives the call, and writes nothing but the structure.
    unsafe { bpf(BPF_PROG_TEST_RUN, &mut attr) }.map(|_| ()).map_err(|source| BpfError {
        command: "BPF_PROG_TEST_RUN",
        object: "program".into(),
        source,
    })
}

#[repr(C)]
struct LinkCreateAttr {
    prog_fd: u32,
    target_ifindex: u32,
    attach_type: u32,
    flags: u32,
}

/// Attaches an XDP program to an interface. The program is detached when the last reference to the link is gone.
pub(crate) fn attach_xdp(program: BorrowedFd<'_>, ifindex: u32, flags: u32) -> Result<OwnedFd, BpfError> {
    let mut attr = LinkCreateAttr {
        prog_fd: program.as_raw_fd() as u32,
        target_ifindex: ifindex,
        attach_type: BPF_XDP,
        flags,
    };
    // SAFETY: the structure holds numbers only; the command returns a descriptor.
    unsafe { bpf_fd(BPF_LINK_CREATE, &mut attr) }.map_err(|source| BpfError {
        command: "BPF_LINK_CREATE",
        object: format!("interface {ifindex}"),
        source,
    })
}

#[repr(C)]
struct LinkUpdateAttr {
    link_fd: u32,
    new_prog_fd: u32,
    flags: u32,
    old_prog_fd: u32,
}

/// Puts another program on a link, between two packets.
pub(crate) fn update_link(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> Result<(), BpfError> {
    let mut attr = LinkUpdateAttr {
        link_fd: link.as_raw_fd() as u32,
        new_prog_fd: program.as_raw_fd() as u32,
        flags: 0,
        old_prog_fd: 0,
    };
    // SAFETY: the structure holds numbers only.
    unsafe { bpf(BPF_LINK_UPDATE, &mut attr) }.map(|_| ()).map_err(|source| BpfError {
        command: "BPF_LINK_UPDATE",
        object: "pinned link".into(),
        source,
    })
}

#[repr(C)]
struct LinkDetachAttr {
    link_fd: u32,
}

/// Takes a link's program off its interface, at once: references to a link, pins included, end some time after they are
/// given up.
pub(crate) fn detach_link(link: BorrowedFd<'_>) -> Result<(), BpfError> {
    let mut attr = LinkDetachAttr { link_fd: link.as_raw_fd() as u32 };
    // SAFETY: the structure holds a number only.
    unsafe { bpf(BPF_LINK_DETACH, &mut attr) }.map(|_| ()).map_err(|source| BpfError {
        command: "BPF_LINK_DETACH",
        object: "pinned link".into(),
        source,
    })
}

#[repr(C)]
#[derive(Default)]
struct InfoAttr {
    bpf_fd: u32,
    info_len: u32,
    info: u64,
}

/// The head of `struct bpf_link_info` as XDP links fill it in.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct RawLinkInfo {
    kind: u32,
    id: u32,
    prog_id: u32,
    _pad: u32,
    ifindex: u32,
    _rest: [u32; 11],
}

/// What an XDP link joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct XdpLinkInfo {
    /// The program's id.
    pub(crate) program: u32,
    /// The interface; 0 once that is gone.
    pub(crate) ifindex: u32,
}

/// What a descriptor joins if it is an XDP link's.
pub(crate) fn xdp_link_info(link: BorrowedFd<'_>) -> Result<Option<XdpLinkInfo>, BpfError> {
    let mut info = RawLinkInfo::default();
    let mut attr = InfoAttr {
        bpf_fd: link.as_raw_fd() as u32,
        info_len: size_of::<RawLinkInfo>() as u32,
        info: std::ptr::from_mut(&mut info) as u64,
    };
    // SAFETY: `info` is as long as `info_len` says and outlives the call.
    unsafe { bpf(BPF_OBJ_GET_INFO_BY_FD, &mut attr) }.map_err(|source| BpfError {
        command: "BPF_OBJ_GET_INFO_BY_FD",
        object: "link".into(),
        source,
    })?;
    let is_xdp = info.kind == BPF_LINK_TYPE_XDP;
    Ok(is_xdp.then_some(XdpLinkInfo { program: info.prog_id, ifindex: info.ifindex }))
}

#[repr(C)]
#[derive(Default)]
struct BatchAttr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// Where a walk over a map is. The kernel keeps four bytes: a bucket's number in hashes, an index in arrays.
#[derive(Debug)]
pub(crate) struct Place {
    cursor: Option<u32>,
    room: usize,
    ended: bool,
}

/// The least room for a batch: a bucket that does not fit whole ends the call with ENOSPC.
const LEAST_BATCH: usize = 64;
/// The most room: the walk gives up with ENOSPC beyond it.
const MOST_BATCH: usize = 1 << 20;

impl Place {
    /// The beginning, for a walk that takes about `room` entries with each call.
    pub(crate) fn new(room: usize) -> Self {
        Self { cursor: None, room: room.clamp(LEAST_BATCH, MOST_BATCH), ended: false }
    }

    /// Goes back to the beginning.
    pub(crate) fn rewind(&mut self) {
        (self.cursor, self.ended) = (None, false);
    }
}

/// The next entries of a walk over a map, or None at its end, from where the next call begins anew.
pub(crate) fn lookup_batch<K: Pod, V: Pod>(
    map: BorrowedFd<'_>,
    place: &mut Place,
) -> Result<Option<Vec<(K, V)>>, BpfError> {
    while !place.ended {
        match read_batch(map, place) {
            Ok(entries) if entries.is_empty() => {}
            Ok(entries) => return Ok(Some(entries)),
            // A single bucket holds more than there is room for.
            Err(e) if e.errno() == libc::ENOSPC && place.room < MOST_BATCH => place.room *= 2,
            Err(e) => {
                place.rewind();
                return Err(e);
            }
        }
    }
    place.rewind();
    Ok(None)
}

fn read_batch<K: Pod, V: Pod>(map: BorrowedFd<'_>, place: &mut Place) -> Result<Vec<(K, V)>, BpfError> {
    let mut keys = Vec::<K>::with_capacity(place.room);
    let mut values = Vec::<V>::with_capacity(place.room);
    let mut from = place.cursor.unwrap_or_default();
    let mut to = 0_u32;
    let mut attr = BatchAttr {
        in_batch: place.cursor.map_or(0, |_| std::ptr::from_mut(&mut from) as u64),
        out_batch: std::ptr::from_mut(&mut to) as u64,
        keys: keys.as_mut_ptr() as u64,
        values: values.as_mut_ptr() as u64,
        count: place.room as u32,
        map_fd: map.as_raw_fd() as u32,
        ..BatchAttr::default()
    };
    // SAFETY: both vectors have room for `count` entries of the map's sizes (aya has compared those of `K` and `V` with
    // the map's), and the cursors are four bytes as these maps want them.
    let result = unsafe { bpf(BPF_MAP_LOOKUP_BATCH, &mut attr) };
    match result {
        Ok(_) => place.cursor = Some(to),
        // The end of the map; what was read up to it counts.
        Err(e) if e.raw_os_error() == Some(libc::ENOENT) => place.ended = true,
        Err(source) => return Err(map_error("BPF_MAP_LOOKUP_BATCH", source)),
    }
    let count = (attr.count as usize).min(place.room);
    // SAFETY: the kernel has written `count` entries into both vectors, whose capacity is at least that.
    unsafe {
        keys.set_len(count);
        values.set_len(count);
    }
    Ok(keys.into_iter().zip(values).collect())
}

/// Deletes these keys; those that are gone already do not matter. Gives how many there were.
pub(crate) fn delete_batch<K: Pod>(map: BorrowedFd<'_>, keys: &[K]) -> Result<usize, BpfError> {
    let mut deleted = 0;
    let mut rest = keys;
    while !rest.is_empty() {
        let mut attr = BatchAttr {
            keys: rest.as_ptr() as u64,
            count: rest.len() as u32,
            map_fd: map.as_raw_fd() as u32,
            ..BatchAttr::default()
        };
        // SAFETY: `keys` points to `count` keys of the map's key size, and the command only reads them.
        let result = unsafe { bpf(BPF_MAP_DELETE_BATCH, &mut attr) };
        let count = (attr.count as usize).min(rest.len());
        deleted += count;
        match result {
            Ok(_) => return Ok(deleted),
            // The key behind the last one that was deleted is not there: step over it.
            Err(e) if e.raw_os_error() == Some(libc::ENOENT) => {
                rest = rest.get(count + 1..).unwrap_or_default()
            }
            Err(source) => return Err(map_error("BPF_MAP_DELETE_BATCH", source)),
        }
    }
    Ok(deleted)
}

#[repr(C)]
struct ElementAttr {
    map_fd: u32,
    _pad: u32,
    key: u64,
}

/// Deletes an entry; if there is none, that is as well.
pub(crate) fn delete<K: Pod>(map: BorrowedFd<'_>, key: &K) -> Result<(), BpfError> {
    let mut attr =
        ElementAttr { map_fd: map.as_raw_fd() as u32, _pad: 0, key: std::ptr::from_ref(key) as u64 };
    // SAFETY: `key` is a key of the map's key size, and the command only reads it.
    match unsafe { bpf(BPF_MAP_DELETE_ELEM, &mut attr) } {
        Err(e) if e.raw_os_error() != Some(libc::ENOENT) => Err(map_error("BPF_MAP_DELETE_ELEM", e)),
        _ => Ok(()),
    }
}

fn map_error(command: &'static str, source: io::Error) -> BpfError {
    BpfError { command, object: "map".into(), source }
}
