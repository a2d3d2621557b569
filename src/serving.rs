//! The waist: what every protocol is translated into and out of. `Checkout::predict` is the one use case; requests,
//! answers and errors here know nothing of HTTP or JSON. Everything above is an adapter, everything below a part.

mod error;
mod fit;
mod predict;
mod readiness;
mod recall;
mod request;
mod status;

pub use error::{Aspect, Error, Invalid, Place, Problem};
pub use predict::{Checkout, Serving, suits};
pub use readiness::{Latch, Readiness, Unready};
pub use request::{CacheUse, Form, Input, Payload, Request, Response, Timings};
pub use status::{
    CacheStatus, Independence, Lifecycle, Measured, ModelStatus, ProfileStatus, SchedulingStatus, StageStatistics,
    Statistics, VersionStatus,
};
