//! A table from keys to values, each of any type: what `LabelEncoder` and `CategoryMapper` are.

use std::collections::HashMap;

use tract_onnx::prelude::{Datum, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, tensor0, tensor1, tvec};
use tract_onnx::tract_hir::internal::DatumTypeExt;

use super::super::values::{required, slice, tensor};

#[derive(Debug)]
pub struct Mapping {
    key: DatumType,
    places: Places,
    values: Tensor,
    default: Tensor,
}

/// Positions of values by key.
#[derive(Debug)]
enum Places {
    Words(HashMap<String, usize>),
    Integers(HashMap<i64, usize>),
    Floats(HashMap<u64, usize>, NanKeys),
}

/// Whether NaN is a key like any other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NanKeys {
    Match,
    NeverMatch,
}

/// Which of two equal keys counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Equals {
    First,
    Last,
}

impl Mapping {
    /// `default` is a single value of the type of `values`, of which there are as many as there are keys.
    pub fn new(keys: &Tensor, values: &Tensor, default: Tensor, equals: Equals, nan: NanKeys) -> TractResult<Self> {
        if keys.len() != values.len() {
            return Err(TractError::msg(format!("it has {} keys and {} values", keys.len(), values.len())));
        }
        if values.datum_type() != default.datum_type() {
            let (value, default) = (values.datum_type(), default.datum_type());
            return Err(TractError::msg(format!("its values are {value:?} and its default is {default:?}")));
        }
        if default.len() != 1 {
            return Err(TractError::msg(format!("it has {} defaults", default.len())));
        }
        let key = keys.datum_type();
        let places = match key {
            DatumType::String => Places::Words(places(slice::<String>(keys)?.iter().cloned(), equals)),
            DatumType::F32 | DatumType::F64 => {
                let wide = keys.cast_to::<f64>()?;
                let known = slice::<f64>(&wide)?.iter().map(|&key| bits(key));
                Places::Floats(places(known, equals), nan)
            }
            DatumType::I64
            | DatumType::I32
            | DatumType::I16
            | DatumType::I8
            | DatumType::U8
            | DatumType::U16
            | DatumType::U32
            | DatumType::Bool => {
                let wide = keys.cast_to::<i64>()?;
                Places::Integers(places(slice::<i64>(&wide)?.iter().copied(), equals))
            }
            other => return Err(TractError::msg(format!("its keys are {other:?}, which no key can be"))),
        };
        Ok(Self { key, places, values: values.clone(), default })
    }

    pub fn fact(&self, input: &TypedFact) -> TractResult<TVec<TypedFact>> {
        if input.datum_type != self.key {
            return Err(TractError::msg(format!("its keys are {:?} and it gets {:?}", self.key, input.datum_type)));
        }
        Ok(tvec![self.values.datum_type().fact(input.shape.iter())])
    }

    pub fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let input = required(inputs, 0)?;
        let places: Vec<Option<usize>> = match &self.places {
            Places::Words(known) => slice::<String>(input)?.iter().map(|key| known.get(key).copied()).collect(),
            Places::Integers(known) => {
                let wide = input.cast_to::<i64>()?;
                slice::<i64>(&wide)?.iter().map(|key| known.get(key).copied()).collect()
            }
            Places::Floats(known, nan) => {
                let wide = input.cast_to::<f64>()?;
                let place = |&key: &f64| match nan {
                    NanKeys::NeverMatch if key.is_nan() => None,
                    _ => known.get(&bits(key)).copied(),
                };
                slice::<f64>(&wide)?.iter().map(place).collect()
            }
        };
        let shape = input.shape();
        Ok(tvec![match self.values.datum_type() {
            DatumType::String => self.pick::<String>(shape, &places)?,
            DatumType::F32 => self.pick::<f32>(shape, &places)?,
            DatumType::F64 => self.pick::<f64>(shape, &places)?,
            DatumType::I64 => self.pick::<i64>(shape, &places)?,
            DatumType::I32 => self.pick::<i32>(shape, &places)?,
            DatumType::I16 => self.pick::<i16>(shape, &places)?,
            DatumType::I8 => self.pick::<i8>(shape, &places)?,
            DatumType::U8 => self.pick::<u8>(shape, &places)?,
            DatumType::Bool => self.pick::<bool>(shape, &places)?,
            other => return Err(TractError::msg(format!("its values are {other:?}, which no value can be"))),
        }])
    }

    fn pick<T: Datum>(&self, shape: &[usize], places: &[Option<usize>]) -> TractResult<Tensor> {
        let (values, default) = (slice::<T>(&self.values)?, slice::<T>(&self.default)?);
        let pick = |place: &Option<usize>| place.map_or(&default[0], |place| &values[place]).clone();
        tensor(shape, places.iter().map(pick).collect())
    }
}

fn places<K: std::hash::Hash + Eq>(keys: impl Iterator<Item = K>, equals: Equals) -> HashMap<K, usize> {
    let mut places = HashMap::new();
    for (at, key) in keys.enumerate() {
        match equals {
            Equals::First => *places.entry(key).or_insert(at),
            Equals::Last => places.insert(key, at).unwrap_or(at),
        };
    }
    places
}

/// Equal floats have equal bits, once the zeros and the NaNs are each made one.
fn bits(x: f64) -> u64 {
    match x {
        x if x.is_nan() => f64::NAN.to_bits(),
        0.0 => 0f64.to_bits(),
        x => x.to_bits(),
    }
}

/// What is answered for an unknown key where the file does not say.
pub fn usual_default(value: DatumType) -> Option<Tensor> {
    Some(match value {
        DatumType::String => tensor0("_Unused".to_owned()),
        DatumType::F32 => tensor0(-0f32),
        DatumType::F64 => tensor0(-0f64),
        DatumType::I64 => tensor0(-1i64),
        DatumType::I32 => tensor0(-1i32),
        DatumType::I16 => tensor0(-1i16),
        _ => return None,
    })
}

/// A list of words as a tensor.
pub fn words(words: &[String]) -> Tensor {
    tensor1(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped<T: Datum>(mapping: &Mapping, keys: &[T]) -> Vec<i64> {
        let answer = mapping.run(&[Some(&tensor1(keys))]).unwrap();
        slice::<i64>(&answer[0]).unwrap().to_vec()
    }

    fn mapping(keys: &Tensor, equals: Equals, nan: NanKeys) -> Mapping {
        let values: Vec<i64> = (0..keys.len() as i64).collect();
        Mapping::new(keys, &tensor1(&values), tensor0(-1i64), equals, nan).unwrap()
    }

    #[test]
    fn equal_keys_are_one_key() {
        let keys = tensor1(&["a".to_owned(), "b".to_owned(), "a".to_owned()]);
        let asked = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        assert_eq!(mapped(&mapping(&keys, Equals::First, NanKeys::Match), &asked), [0, 1, -1]);
        assert_eq!(mapped(&mapping(&keys, Equals::Last, NanKeys::Match), &asked), [2, 1, -1]);
    }

    #[test]
    fn zeros_are_equal_and_nans_where_they_are_keys() {
        let keys = tensor1(&[0f32, f32::NAN]);
        assert_eq!(mapped(&mapping(&keys, Equals::First, NanKeys::Match), &[-0f32, f32::NAN, 1.0]), [0, 1, -1]);
        assert_eq!(mapped(&mapping(&keys, Equals::First, NanKeys::NeverMatch), &[-0f32, f32::NAN, 1.0]), [0, -1, -1]);
    }

    #[test]
    fn keys_and_values_must_fit_each_other() {
        let (two, one) = (tensor1(&[1i64, 2]), tensor1(&[1i64]));
        assert!(Mapping::new(&two, &one, tensor0(0i64), Equals::First, NanKeys::Match).is_err());
        assert!(Mapping::new(&two, &two, tensor0(0f32), Equals::First, NanKeys::Match).is_err());
    }
}
