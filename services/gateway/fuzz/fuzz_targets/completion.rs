//! Answers of Alertmanager's API.

#![no_main]

use paramedic_gateway_fuzz as entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::complete(data));
