//! One event as one line of JSON, written by hand: a line per prediction is the most frequent thing the server writes,
//! and a general serialiser spends several times as long on it. The shape is that of `tracing_subscriber`'s flattened
//! JSON: timestamp, level, the fields of the event, target.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

/// The format of a line.
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = String::with_capacity(400);
        line.push_str("{\"timestamp\":\"");
        write_time(SystemTime::now(), &mut line);
        line.push_str("\",\"level\":\"");
        line.push_str(event.metadata().level().as_str());
        line.push('"');
        event.record(&mut Fields { line: &mut line });
        line.push_str(",\"target\":\"");
        line.push_str(event.metadata().target());
        line.push_str("\"}\n");
        writer.write_str(&line)
    }
}

struct Fields<'l> {
    line: &'l mut String,
}

impl Fields<'_> {
    fn name(&mut self, field: &Field) {
        self.line.push_str(",\"");
        self.line.push_str(field.name());
        self.line.push_str("\":");
    }

    fn number(&mut self, field: &Field, number: impl itoa::Integer) {
        self.name(field);
        self.line.push_str(itoa::Buffer::new().format(number));
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.name(field);
        if value.is_finite() {
            self.line.push_str(zmij::Buffer::new().format_finite(value));
        } else {
            self.line.push_str("null");
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.number(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.number(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.name(field);
        self.line.push_str(if value { "true" } else { "false" });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field);
        self.line.push('"');
        escape(value, self.line);
        self.line.push('"');
    }

    /// Everything that was given as `%value` or `?value`, and the message.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.name(field);
        self.line.push('"');
        // Only a faulty `Debug` of a value fails; the line stays whole.
        let _ = write!(Escaped(self.line), "{value:?}");
        self.line.push('"');
    }
}

/// Text on its way into a JSON string.
struct Escaped<'l>(&'l mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escape(text, self.0);
        Ok(())
    }
}

fn escape(text: &str, out: &mut String) {
    let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let mut rest = text;
    while let Some(at) = rest.bytes().position(special) {
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut tail = tail.chars();
        match tail.next().unwrap_or_default() {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
        }
        rest = tail.as_str();
    }
    out.push_str(rest);
}

thread_local! {
    /// The second that this thread wrote last, and its spelling.
    static SECOND: RefCell<(u64, String)> = const { RefCell::new((u64::MAX, String::new())) };
}

/// RFC 3339 in UTC with microseconds.
fn write_time(time: SystemTime, out: &mut String) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    SECOND.with_borrow_mut(|(second, spelling)| {
        if *second != since.as_secs() {
            *second = since.as_secs();
            spelling.clear();
            write_second(*second, spelling);
        }
        out.push_str(spelling);
    });
    out.push('.');
    let microseconds = since.subsec_micros();
    let mut place = 100_000;
    while place > 0 {
        out.push(char::from(b'0' + (microseconds / place % 10) as u8));
        place /= 10;
    }
    out.push('Z');
}

/// The date by the algorithm `civil_from_days` (H. Hinnant, "chrono-compatible low-level date algorithms"): years begin
/// in March, so that the leap day is the last, and eras have 400 of them.
fn write_second(second: u64, out: &mut String) {
    let days = second / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (second / 3600 % 24, second / 60 % 60);
    // Writing to a string cannot fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}", second % 60);
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn time_is_spelled_as_rfc_3339() {
        for (seconds, microseconds, expected) in [
            (0, 0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399, 999_999, "2000-02-28T23:59:59.999999Z"),
            (951_782_400, 1, "2000-02-29T00:00:00.000001Z"),
            (951_868_800, 10, "2000-03-01T00:00:00.000010Z"),
            (1_767_225_599, 0, "2025-12-31T23:59:59.000000Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000000Z"),
        ] {
            let mut out = String::new();
            write_time(UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_micros(microseconds), &mut out);
            assert_eq!(out, expected);
        }
    }

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_object_whatever_its_fields_hold() {
        let written = Written::default();
        let to = written.clone();
        let lines = tracing_subscriber::fmt().event_format(Json).with_writer(move || to.clone()).finish();
        let odd = "quote \" backslash \\ line\nbell \u{7} é 漢";
        tracing::subscriber::with_default(lines, || {
            let absent: Option<&str> = None;
            tracing::warn!(odd, shown = %odd, count = 7, signed = -1, yes = true, ratio = 0.25, absent, nan = f64::NAN, "the message");
        });
        let text = String::from_utf8(written.0.lock().expect("no panic").clone()).expect("UTF-8");
        assert_eq!(text.matches('\n').count(), 1);
        let mut line: Value = serde_json::from_str(&text).expect("JSON");
        assert!(line.as_object_mut().expect("an object").remove("timestamp").is_some_and(|time| time.is_string()));
        let expected = json!({
            "level": "WARN", "message": "the message", "odd": odd, "shown": odd, "count": 7, "signed": -1, "yes": true,
            "ratio": 0.25, "nan": null, "target": module_path!(),
        });
        assert_eq!(line, expected);
    }
}
