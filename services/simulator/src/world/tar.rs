//! Writing tar archives (ustar) and gzip without compression, for `exec ... tar`.

use super::files::Entry;

/// A ustar archive of files and the directories above them. Paths are written without their leading slash.
pub(crate) fn archive(entries: &[&Entry], strip: &str, mtime: i64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for entry in entries {
        let path = entry.path.strip_prefix(strip).unwrap_or(&entry.path).trim_start_matches('/');
        for (i, _) in path.match_indices('/') {
            let folder = &path[..=i];
            if seen.insert(folder.to_owned()) {
                out.extend(header(folder, 0, mtime, b'5'));
            }
        }
        out.extend(header(path, entry.content.len(), mtime, b'0'));
        out.extend(&entry.content);
        out.resize(out.len().div_ceil(512) * 512, 0);
    }
    out.resize((out.len() + 1024).div_ceil(10_240) * 10_240, 0);
    out
}

fn header(path: &str, size: usize, mtime: i64, kind: u8) -> [u8; 512] {
    let mut block = [0_u8; 512];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    let name = &path.as_bytes()[..path.len().min(100)];
    put(0, name);
    put(100, if kind == b'5' { b"0000755\0" } else { b"0000644\0" });
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, format!("{:011o}\0", mtime.max(0)).as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    put(265, b"root");
    put(297, b"root");
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// A gzip stream of stored blocks.
pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = data.chunks(0xffff).peekable();
    if blocks.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    out.extend(crc32(data).to_le_bytes());
    out.extend((data.len() as u32).to_le_bytes());
    out
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_whole_blocks_with_valid_checksums() {
        let file = Entry {
            path: "/var/log/app/a.log".to_owned(),
            content: b"hello\n".to_vec(),
        };
        let tar = archive(&[&file], "", 1_800_000_000);
        assert_eq!(tar.len() % 10_240, 0);
        let names: Vec<&[u8]> = tar.chunks(512).filter(|b| &b[257..262] == b"ustar").map(|b| &b[..18]).collect();
        assert_eq!(names.len(), 4, "three folders and a file");
        assert!(names[3].starts_with(b"var/log/app/a.log"));
    }

    #[test]
    fn the_checksum_of_gzip_is_the_known_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(gzip(b"").len(), 10 + 5 + 8);
    }
}
