use image::{DynamicImage, ImageFormat};
use proptest::prelude::*;

use super::make::{canvas, exif, exif_segment, quarters, segment, webp, with_chunks, with_segments};
use super::{ANIMATED, BLUE, CMYK, GREEN, LOSSY, LOSSY_ALPHA, PROGRESSIVE, RED, WHITE, YCCK, shown, written};
use crate::{Format, Refusal, Rendition, Source, convert, without_panic};

const MARK: &[u8] = b"<script>evil</script>";

fn image() -> DynamicImage {
    DynamicImage::from(quarters(48, 32, [RED, GREEN, BLUE, WHITE])).to_rgb8().into()
}

fn holds(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// What stands in a file of ours, part by part.
fn parts(rendition: &Rendition) -> Vec<String> {
    let bytes = &rendition.bytes;
    match rendition.format {
        Format::Webp => {
            assert_eq!(u32::from_le_bytes(bytes[4..8].try_into().expect("four")) as usize + 8, bytes.len());
            let length = u32::from_le_bytes(bytes[16..20].try_into().expect("four")) as usize;
            assert_eq!(bytes.len(), 20 + length + length % 2, "one chunk and nothing behind it");
            vec![String::from_utf8_lossy(&bytes[12..16]).into_owned()]
        }
        Format::Jpeg => {
            let (mut at, mut parts) = (2, Vec::new());
            while bytes[at + 1] != 0xda {
                assert_eq!(bytes[at], 0xff);
                parts.push(format!("{:02x}", bytes[at + 1]));
                at += 2 + usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
            }
            let coded = &bytes[at + 2..];
            let end = coded.windows(2).position(|pair| pair[0] == 0xff && pair[1] != 0).expect("an end");
            assert_eq!(coded[end..], [0xff, 0xd9], "one scan and nothing behind it");
            parts.dedup();
            parts
        }
    }
}

/// Hidden text in every place where a format lets one write.
fn polyglots() -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
    let clean = |format| written(image(), format);
    let (jpeg, png, gif, lossless) = (
        clean(ImageFormat::Jpeg),
        clean(ImageFormat::Png),
        clean(ImageFormat::Gif),
        clean(ImageFormat::WebP),
    );
    let notes = [&exif(1)[..], MARK].concat();
    let extended = webp(&[
        canvas(48, 32, 0x2c),
        (b"ICCP", MARK.to_vec()),
        (b"VP8L", lossless[20..].to_vec()),
        (b"EXIF", notes.clone()),
        (b"XMP ", MARK.to_vec()),
        (b"evil", MARK.to_vec()),
    ]);
    let all = |name: &'static str, bytes: Vec<u8>, clean: &Vec<u8>| (name, bytes, clean.clone());
    vec![
        all("behind a JPEG", [&jpeg, MARK, b"PK\x03\x04"].concat(), &jpeg),
        all("behind a PNG", [&png, MARK].concat(), &png),
        all("behind a GIF", [&gif, MARK].concat(), &gif),
        all("behind a WebP", [&lossless, MARK].concat(), &lossless),
        all("a comment", with_segments(&jpeg, &[segment(0xfe, MARK)]), &jpeg),
        all("notes", with_segments(&jpeg, &[segment(0xe1, &[&b"Exif\0\0"[..], &notes].concat())]), &jpeg),
        all(
            "XMP",
            with_segments(&jpeg, &[segment(0xe1, &[&b"http://ns.adobe.com/xap/1.0/\0"[..], MARK].concat())]),
            &jpeg,
        ),
        all(
            "a profile",
            with_segments(&jpeg, &[segment(0xe2, &[&b"ICC_PROFILE\0\x01\x01"[..], MARK].concat())]),
            &jpeg,
        ),
        all(
            "a picture in the notes",
            with_segments(&jpeg, &[segment(0xe1, &[&b"Exif\0\0"[..], &notes, &jpeg].concat())]),
            &jpeg,
        ),
        all("text", with_chunks(&png, &[(b"tEXt", [&b"Comment\0"[..], MARK].concat())]), &png),
        all(
            "international text",
            with_chunks(&png, &[(b"iTXt", [&b"XML:com.adobe.xmp\0\0\0\0\0"[..], MARK].concat())]),
            &png,
        ),
        all("notes of a PNG", with_chunks(&png, &[(b"eXIf", notes)]), &png),
        all("a chunk of one's own", with_chunks(&png, &[(b"evIl", MARK.to_vec())]), &png),
        all("chunks of a WebP", extended, &lossless),
    ]
}

#[test]
fn nothing_that_is_hidden_in_a_file_comes_through() {
    for (name, bytes, clean) in polyglots() {
        assert!(holds(&bytes, MARK), "{name}");
        let picture = convert(&bytes).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!(Ok(&picture), convert(&clean).as_ref(), "{name}: the same as without");
        for rendition in [&picture.picture, &picture.thumbnail] {
            assert!(!holds(&rendition.bytes, MARK) && !holds(&rendition.bytes, b"Exif"), "{name}");
        }
    }
}

#[test]
fn ours_hold_what_a_decoder_needs_and_nothing_else() {
    let opaque = convert(&with_segments(PROGRESSIVE, &[exif_segment(3)])).expect("a picture");
    // JFIF, one baseline frame, then its tables.
    assert_eq!(parts(&opaque.picture), ["e0", "c0", "db", "c4"]);
    assert_eq!(parts(&opaque.thumbnail), parts(&opaque.picture));
    let clear = convert(LOSSY_ALPHA).expect("a picture");
    assert_eq!(
        (parts(&clear.picture), parts(&clear.thumbnail)),
        (vec!["VP8L".to_owned()], vec!["VP8L".to_owned()])
    );
}

#[test]
fn no_colour_stands_under_what_is_transparent() {
    let hidden = |colour| written(quarters(48, 32, [RED, colour, RED, colour]), ImageFormat::Png);
    let picture = convert(&hidden([12, 34, 56, 0])).expect("a picture");
    assert_eq!(Ok(&picture), convert(&hidden([0, 0, 0, 0])).as_ref());
    assert_eq!(shown(&picture.picture).get_pixel(40, 4).0, [0, 0, 0, 0]);
}

#[test]
fn a_frame_larger_than_its_canvas_is_refused_unread() {
    let frame = |width: u16, height: u16| {
        [&[0x10, 0, 0, 0x9d, 0x01, 0x2a][..], &width.to_le_bytes(), &height.to_le_bytes(), &[0; 64]].concat()
    };
    let large = frame(16_383, 16_383);
    let animation = [&[0; 16][..], b"VP8 ", &(large.len() as u32).to_le_bytes(), &large].concat();
    for bytes in [
        webp(&[canvas(48, 32, 0), (b"VP8 ", large.clone())]),
        webp(&[canvas(48, 32, 0x02), (b"ANIM", vec![0; 6]), (b"ANMF", animation)]),
        webp(&[(b"VP8 ", frame(48, 32)), (b"VP8 ", large)]),
        webp(&[(b"EXIF", exif(1))]),
        webp(&[canvas(48, 32, 0x02), (b"ANMF", vec![0; 3])]),
    ] {
        assert_eq!(convert(&bytes), Err(Refusal::Undecodable { format: Source::Webp }));
    }
}

#[test]
fn a_decoder_that_panics_is_a_refusal() {
    let result: Result<(), Refusal> = without_panic(Source::Gif, || panic!("on purpose, in a test"));
    assert_eq!(result, Err(Refusal::Undecodable { format: Source::Gif }));
    assert_eq!(without_panic(Source::Gif, || Ok(1)), Ok(1));
}

fn samples() -> Vec<Vec<u8>> {
    let mut samples: Vec<Vec<u8>> = [PROGRESSIVE, CMYK, YCCK, LOSSY, LOSSY_ALPHA]
        .into_iter()
        .chain(ANIMATED)
        .map(<[u8]>::to_vec)
        .collect();
    samples.extend(polyglots().into_iter().map(|(_, bytes, _)| bytes));
    samples
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// What comes out of damaged files is a picture within the limits, or a refusal.
    #[test]
    fn damage_makes_refusals_or_pictures(
        sample in prop::sample::select(samples()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        shorten in prop::bool::weighted(0.2),
    ) {
        let mut bytes = sample;
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if shorten {
            bytes.truncate(cut.index(bytes.len()));
        }
        let Ok(picture) = convert(&bytes) else { return Ok(()) };
        for (rendition, side_max) in [(&picture.picture, 2_048), (&picture.thumbnail, 320)] {
            prop_assert!((1..=side_max).contains(&rendition.width) && (1..=side_max).contains(&rendition.height));
            let image = shown(rendition);
            prop_assert_eq!(image.dimensions(), (rendition.width, rendition.height));
        }
    }
}
