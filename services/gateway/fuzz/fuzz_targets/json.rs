//! Bodies of the kind json.

#![no_main]

use paramedic_gateway_fuzz as entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    entry::read(&entry::mapping(), data);
});
