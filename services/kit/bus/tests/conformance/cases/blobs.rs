//! Large values.

use bytes::Bytes;

use crate::backend::Backend;

pub(crate) async fn a_large_blob_comes_back(b: &mut impl Backend) {
    let blobs = b.bus().blobs("artifacts").await.expect("bucket");
    assert_eq!(blobs.get("dump").await.expect("get"), None);
    let large: Bytes = (0..5 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    blobs.put("dump", large.clone()).await.expect("put");
    blobs.put("plans/a b.json", Bytes::from_static(b"{}")).await.expect("put");
    blobs.put("empty", Bytes::new()).await.expect("put");
    assert!(blobs.get("dump").await.expect("get") == Some(large));
    blobs.put("dump", Bytes::from_static(b"new")).await.expect("replace");
    drop(blobs);
    b.restart().await;
    let blobs = b.bus().blobs("artifacts").await.expect("bucket");
    assert_eq!(blobs.get("dump").await.expect("get").as_deref(), Some(b"new".as_slice()));
    assert_eq!(blobs.get("plans/a b.json").await.expect("get").as_deref(), Some(b"{}".as_slice()));
    assert_eq!(blobs.get("empty").await.expect("get").as_deref(), Some(b"".as_slice()));
}
