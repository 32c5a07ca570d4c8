//! Texts that break careless code.

/// Controls, directions, joiners, the ends of planes, quotes, markup, paths, templates, wildcards of the bus.
pub const TEXTS: [&str; 17] = [
    "\u{0}",
    "\u{7}\u{1b}[31m",
    "\u{202e}gpj.exe",
    "\u{200b}\u{200d}\u{feff}",
    "\u{10ffff}\u{fffe}",
    "a\u{301}\u{301}\u{301}",
    "\\u0000\\ud800",
    "\"}],[{",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "${jndi:ldap://x}",
    "{{ .Labels }}",
    "'; DROP TABLE alerts; --",
    "a.*.>",
    "\r\n\r\nHTTP/1.1",
    "ｆｕｌｌ",
    "👩‍👩‍👧‍👦",
];
