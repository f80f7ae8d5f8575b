//! Any bytes as a picture: refused, or made into two that hold what they say and can be made again.
//!
//! Run with `cargo +nightly fuzz run image -- -max_len=65536` from the root of the repository; the files in
//! `crates/odyssey-image/src/tests/data` make a good corpus. A decoder that panics ends the run, although the
//! crate itself would only refuse the bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use odyssey_image::limits::{PICTURE_SIDE_MAX, THUMBNAIL_SIDE_MAX};
use odyssey_image::{Rendition, convert};

fuzz_target!(|data: &[u8]| {
    let Ok(made) = convert(data) else { return };
    check(&made.picture, PICTURE_SIDE_MAX);
    check(&made.thumbnail, THUMBNAIL_SIDE_MAX);
    let again = convert(&made.picture.bytes).expect("ours can be read");
    let (first, second) = (&made.picture, &again.picture);
    assert_eq!((first.width, first.height), (second.width, second.height));
    assert_eq!(convert(data).expect("was read before"), made);
});

fn check(rendition: &Rendition, side_max: u32) {
    assert!((1..=side_max).contains(&rendition.width) && (1..=side_max).contains(&rendition.height));
    assert!(!rendition.bytes.is_empty());
}
