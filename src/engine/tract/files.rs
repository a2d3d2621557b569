//! External data: weights in files beside the model, which have been found to lie in its folder, symbolic links included.
//! This reads exactly the asked range of a regular file, and maps nothing into memory, so that a file cut short while it
//! is read is an error and not a signal.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use tract_onnx::data_resolver::ModelDataResolver;
use tract_onnx::prelude::{TractError, TractResult};

pub struct ReadRange;

impl ModelDataResolver for ReadRange {
    fn read_bytes_from_path(
        &self,
        buf: &mut Vec<u8>,
        path: &Path,
        offset: usize,
        length: Option<usize>,
    ) -> TractResult<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let problem = |what: String| TractError::msg(format!("external data file {name:?}: {what}"));
        let about = std::fs::metadata(path).map_err(|error| problem(error.to_string()))?;
        // Opening a pipe would wait for its writer for ever.
        if !about.is_file() {
            return Err(problem("it is no regular file".into()));
        }
        let size = usize::try_from(about.len()).unwrap_or(usize::MAX);
        let rest = size.checked_sub(offset).ok_or_else(|| problem(format!("it has {size} bytes, none at {offset}")))?;
        let length = length.unwrap_or(rest);
        if length > rest {
            return Err(problem(format!("it has {size} bytes, not {length} from {offset} on")));
        }
        let mut file = File::open(path).map_err(|error| problem(error.to_string()))?;
        file.seek(SeekFrom::Start(offset as u64)).map_err(|error| problem(error.to_string()))?;
        let read = file.take(length as u64).read_to_end(buf).map_err(|error| problem(error.to_string()))?;
        if read == length { Ok(()) } else { Err(problem("it became shorter while it was read".into())) }
    }
}
