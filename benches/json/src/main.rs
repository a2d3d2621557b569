//! Times parsers of JSON on bodies of predictions, and writers of floats on answers, and prints a table of ratios.
//!
//! Every parser does what it offers for a known shape of message: it fills a typed structure, a vector of f32 among it,
//! and builds no tree of values. The server's own reader, which is compiled here from its sources, does more: it says
//! where a fault is, checks counts and shapes, and ends with a tensor.
#![allow(dead_code, unused_imports)]

mod codec;
mod tensor;

use std::hint::black_box;
use std::time::{Duration, Instant};

use codec::{NonFinite, Reader, read_elements, read_nested, write_flat};
use serde::Deserialize;
use tensor::{DataType, Tensor};

/// An inference request of the Open Inference Protocol.
#[derive(Deserialize)]
struct Message {
    inputs: Vec<Input>,
}

#[derive(Deserialize)]
struct Input {
    name: String,
    shape: Vec<usize>,
    datatype: String,
    data: Vec<f32>,
}

type Parse = (&'static str, fn(&[u8]) -> usize);

const PARSERS: [Parse; 5] = [
    ("onnxd", |body| {
        let mut reader = Reader::new(body).unwrap();
        let mut total = 0;
        let mut key = reader.enter_object().unwrap();
        while key.is_some() {
            assert!(reader.enter_array().unwrap());
            let (mut datatype, mut shape) = (DataType::Fp32, Vec::new());
            let mut inner = reader.enter_object().unwrap();
            while let Some(found) = inner {
                match &*found.text {
                    "name" => drop(reader.string().unwrap().into_owned()),
                    "datatype" => datatype = reader.string().unwrap().parse().unwrap(),
                    "shape" => {
                        let mut more = reader.enter_array().unwrap();
                        while more {
                            shape.push(reader.unsigned().unwrap() as usize);
                            more = reader.next_element().unwrap();
                        }
                    }
                    _ => {
                        let values = read_elements(&mut reader, datatype, Some(&shape)).unwrap();
                        total += values.into_tensor(shape.as_slice()).unwrap().len();
                    }
                }
                inner = reader.next_key().unwrap();
            }
            assert!(!reader.next_element().unwrap());
            key = reader.next_key().unwrap();
        }
        reader.finish().unwrap();
        total
    }),
    ("serde_json", |body| serde_json::from_slice::<Message>(body).unwrap().inputs[0].data.len()),
    ("sonic-rs", |body| sonic_rs::from_slice::<Message>(body).unwrap().inputs[0].data.len()),
    // It works in place, so the body has to be copied first, as it would have to be by a server.
    ("simd-json", |body| simd_json::from_slice::<Message>(&mut body.to_vec()).unwrap().inputs[0].data.len()),
    ("jiter", |body| {
        let mut jiter = jiter::Jiter::new(body);
        let mut total = 0;
        let mut key = jiter.next_object().unwrap().map(|_| ());
        while key.is_some() {
            jiter.next_array().unwrap();
            let mut inner = jiter.next_object().unwrap().map(str::to_owned);
            while let Some(name) = inner {
                match name.as_str() {
                    "data" => {
                        let mut values: Vec<f32> = Vec::new();
                        let mut element = jiter.next_array().unwrap();
                        while element.is_some() {
                            values.push(jiter.next_float().unwrap() as f32);
                            element = jiter.array_step().unwrap();
                        }
                        total += values.len();
                    }
                    _ => jiter.next_skip().unwrap(),
                }
                inner = jiter.next_key().unwrap().map(str::to_owned);
            }
            assert!(jiter.array_step().unwrap().is_none());
            key = jiter.next_key().unwrap().map(|_| ());
        }
        total
    }),
];

/// Floats with the digits of a float: uniform bits of the mantissa. `short` as people write measurements.
fn floats(count: usize, short: bool) -> Vec<f32> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let unit = (state >> 40) as f32 / (1 << 24) as f32;
        if short { (unit * 80.0).round() / 10.0 } else { unit * 4.0 - 2.0 }
    };
    (0..count).map(next).collect()
}

fn body(shape: &[usize], short: bool) -> Vec<u8> {
    let values = floats(shape.iter().product(), short);
    let data: Vec<String> = values.iter().map(f32::to_string).collect();
    let shape = format!("{shape:?}");
    format!(r#"{{"inputs":[{{"name":"measurements","shape":{shape},"datatype":"FP32","data":[{}]}}]}}"#, data.join(","))
        .into_bytes()
}

/// Time that this thread has spent computing, which others on the machine do not add to.
fn computed() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

/// The least mean time of a call of each, in rounds in which all of them take their turn.
fn least<const N: usize>(mut work: [&mut dyn FnMut() -> usize; N]) -> [Duration; N] {
    let mut least = [Duration::MAX; N];
    for _ in 0..ROUNDS {
        for (work, least) in work.iter_mut().zip(&mut least) {
            let (since, begun, mut calls) = (computed(), Instant::now(), 0);
            while begun.elapsed() < SLICE {
                black_box(work());
                calls += 1;
            }
            *least = (*least).min((computed() - since) / calls);
        }
    }
    least
}

const ROUNDS: usize = 12;
const SLICE: Duration = Duration::from_millis(60);

fn table(title: &str, bytes: usize, timed: &[Duration]) {
    let first = timed[0];
    print!("| {title} |");
    for took in timed {
        let rate = bytes as f64 / took.as_secs_f64() / 1e6;
        print!(" {rate:.0} ({:.2}) |", first.as_secs_f64() / took.as_secs_f64());
    }
    println!();
}

type Write = (&'static str, fn(&[f32], &mut Vec<u8>));

const WRITERS: [Write; 4] = [
    ("zmij", |values, out| {
        values.iter().for_each(|x| out.extend_from_slice(zmij::Buffer::new().format_finite(*x).as_bytes()))
    }),
    ("ryu", |values, out| {
        values.iter().for_each(|x| out.extend_from_slice(ryu::Buffer::new().format_finite(*x).as_bytes()))
    }),
    ("serde_json", |values, out| serde_json::to_writer(out, values).unwrap()),
    ("std", |values, out| values.iter().for_each(|x| std::io::Write::write_fmt(out, format_args!("{x}")).unwrap())),
];

fn main() {
    let names = |names: Vec<&str>| format!("| {} |\n|---|{}", names.join(" | "), "--:|".repeat(names.len()));
    println!("MB/s of text (ratio to what is in use)\n\n| Body {}", names(PARSERS.map(|(name, _)| name).to_vec()));
    for (title, shape, short) in [
        ("one row of 4", &[1usize, 4][..], true),
        ("1000 rows of 4", &[1000, 4], true),
        ("image, 150 528 floats", &[1, 3, 224, 224], false),
        ("2 000 000 floats", &[1000, 2000], false),
    ] {
        let body = body(shape, short);
        for (name, parse) in PARSERS {
            assert_eq!(parse(&body), shape.iter().product::<usize>(), "{name}");
        }
        let [mut a, mut b, mut c, mut d, mut e] = PARSERS.map(|(_, parse)| {
            let body = &body;
            move || parse(body)
        });
        table(title, body.len(), &least([&mut a, &mut b, &mut c, &mut d, &mut e]));
    }
    println!("\n| Floats {}", names(WRITERS.map(|(name, _)| name).to_vec()));
    for (title, short) in [("shortest of 24 random bits", false), ("one place after the point", true)] {
        let values = floats(100_000, short);
        let values = &values;
        let [mut a, mut b, mut c, mut d] = WRITERS.map(|(_, write)| {
            let mut out = Vec::with_capacity(4 << 20);
            move || {
                out.clear();
                write(values, &mut out);
                out.len()
            }
        });
        // The same count of bytes for all, so that the ratio is that of the times.
        table(title, values.len() * 10, &least([&mut a, &mut b, &mut c, &mut d]));
    }
    let tensor = Tensor::from_vec(&[100_000][..], floats(100_000, false)).unwrap();
    let mut out = Vec::with_capacity(4 << 20);
    let [took] = least([&mut || {
        out.clear();
        write_flat(&tensor, &mut out, NonFinite::Null);
        out.len()
    }]);
    println!("\nthe server's writer: {:.1} ns per float", took.as_secs_f64() * 1e9 / 1e5);
}
