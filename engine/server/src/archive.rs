//! Files in one ZIP.

use crate::problem::Problem;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Packs files into an archive that is answered under a name and kept nowhere.
pub(crate) fn answer(name: &str, files: &[(String, Vec<u8>)]) -> Result<Response, Problem> {
    let failed =
        |error: zip::result::ZipError| Problem::internal(format!("the archive was not made: {error}"));
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in files {
        writer.start_file(name.as_str(), options).map_err(failed)?;
        writer
            .write_all(bytes)
            .map_err(|error| Problem::internal(format!("the archive was not made: {error}")))?;
    }
    let bytes = writer.finish().map_err(failed)?.into_inner();
    let headers = [
        (CONTENT_TYPE, "application/zip".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}
