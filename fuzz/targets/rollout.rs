#![no_main]
#![allow(missing_docs, reason = "a program of libFuzzer")]

libfuzzer_sys::fuzz_target!(|data: &[u8]| coalmine_fuzz::rollout(data));
