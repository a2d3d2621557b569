//! For which shapes something dear is kept, such as a plan: the rule, without the thing itself in sight. It counts how often
//! each shape is asked for, and lets a new one in when there is room, or when it was asked for more than twice as often as the
//! kept one that has been idle longest. So a client that walks through many batch sizes does not push out the ones everybody
//! uses, and does not make the server build plans all day; a lasting change of habits gets its plans, because counts are
//! halved with time.

use std::collections::HashMap;

use crate::tensor::Shape;

/// Of all inputs.
pub type Shapes = Vec<Shape>;

/// What to do about a shape that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is kept.
    Kept,
    /// It is kept from now on, instead of another one if need be.
    Keep { instead_of: Option<Shapes> },
    /// It is not kept, and stays so.
    Pass,
}

pub struct Admission {
    max: usize,
    price: Price,
    /// Asks since counts were halved, and how many make them be halved.
    asks: usize,
    period: usize,
    clock: u64,
    /// Of shapes that are not kept.
    counts: HashMap<Shapes, u32>,
    kept: Vec<Kept>,
}

/// How often a shape has to be asked for before another one makes room for it: as a multiple of that one's asks, and at least.
#[derive(Clone, Copy)]
pub struct Price {
    pub times: u32,
    pub least: u32,
}

struct Kept {
    shapes: Shapes,
    asked: u32,
    /// When it was last asked for.
    last: u64,
}

impl Admission {
    /// At least one shape is kept whatever `max` says.
    pub fn new(max: usize) -> Self {
        Self::at(Price { times: 2, least: 1 }, max)
    }

    /// The same where a place costs more.
    pub fn at(price: Price, max: usize) -> Self {
        let max = max.max(1);
        Self { max, price, asks: 0, period: 32 * max, clock: 0, counts: HashMap::new(), kept: Vec::new() }
    }

    pub fn ask(&mut self, shapes: &[Shape]) -> Decision {
        self.pass_time();
        if let Some(kept) = self.kept.iter_mut().find(|kept| kept.shapes.as_slice() == shapes) {
            kept.asked += 1;
            kept.last = self.clock;
            return Decision::Kept;
        }
        let asked = match self.counts.get_mut(shapes) {
            Some(count) => {
                *count += 1;
                *count
            }
            None => {
                self.counts.insert(shapes.to_vec(), 1);
                1
            }
        };
        if self.is_worth(asked) { Decision::Keep { instead_of: self.insert(shapes) } } else { Decision::Pass }
    }

    /// Whether [`Admission::ask`] would keep a shape that is not kept yet.
    pub fn would_keep(&self, shapes: &[Shape]) -> bool {
        self.is_worth(self.counts.get(shapes).map_or(1, |count| count + 1))
    }

    /// Whether a shape that was asked for this often gets a place.
    fn is_worth(&self, asked: u32) -> bool {
        let idle = || self.idle().map_or(0, |at| self.kept[at].asked);
        self.kept.len() < self.max || asked > idle().saturating_mul(self.price.times).max(self.price.least)
    }

    /// Keeps a shape; the one that made room for it.
    pub fn insert(&mut self, shapes: &[Shape]) -> Option<Shapes> {
        self.clock += 1;
        if let Some(kept) = self.kept.iter_mut().find(|kept| kept.shapes.as_slice() == shapes) {
            kept.last = self.clock;
            return None;
        }
        let evicted = self.idle().filter(|_| self.kept.len() >= self.max).map(|at| self.kept.swap_remove(at));
        let asked = self.counts.remove(shapes).unwrap_or(0);
        self.kept.push(Kept { shapes: shapes.to_vec(), asked, last: self.clock });
        evicted.map(|evicted| {
            self.counts.insert(evicted.shapes.clone(), evicted.asked);
            evicted.shapes
        })
    }

    fn pass_time(&mut self) {
        self.clock += 1;
        self.asks += 1;
        if self.asks >= self.period {
            self.asks = 0;
            self.kept.iter_mut().for_each(|kept| kept.asked /= 2);
            self.counts.retain(|_, count| {
                *count /= 2;
                *count > 0
            });
        }
    }

    /// Where the kept shape stands that was asked for longest ago.
    fn idle(&self) -> Option<usize> {
        (0..self.kept.len()).min_by_key(|&at| self.kept[at].last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smallvec::smallvec;

    fn rows(count: usize) -> Shapes {
        vec![smallvec![count, 4]]
    }

    fn asked(admission: &mut Admission, sizes: impl IntoIterator<Item = usize>) -> Vec<Decision> {
        sizes.into_iter().map(|size| admission.ask(&rows(size))).collect()
    }

    #[test]
    fn there_is_room_until_there_is_none() {
        let mut admission = Admission::new(2);
        assert_eq!(
            asked(&mut admission, [1, 2, 1, 3, 2]),
            [
                Decision::Keep { instead_of: None },
                Decision::Keep { instead_of: None },
                Decision::Kept,
                Decision::Pass,
                Decision::Kept,
            ]
        );
    }

    #[test]
    fn walking_through_many_sizes_replaces_nothing() {
        let mut admission = Admission::new(8);
        let builds = |decisions: Vec<Decision>| decisions.iter().filter(|d| matches!(d, Decision::Keep { .. })).count();
        assert_eq!(builds(asked(&mut admission, 1..=8)), 8);
        for sizes in [12, 64, 500] {
            let walk = (0..50).flat_map(|_| 1..=sizes);
            let built = builds(asked(&mut admission, walk));
            assert!(built <= 50 * sizes / 100, "{built} builds while walking through {sizes} sizes");
        }
        assert!(admission.counts.len() <= 64 * 8, "{} counts", admission.counts.len());
    }

    #[test]
    fn a_lasting_change_of_habits_gets_its_plans() {
        let mut admission = Admission::new(2);
        asked(&mut admission, (0..1000).map(|at| at % 2));
        let decisions = asked(&mut admission, (0..1000).map(|at| 10 + at % 2));
        assert_eq!(decisions[998..], [Decision::Kept, Decision::Kept]);
        assert_eq!(admission.kept.len(), 2);
    }

    #[test]
    fn the_shape_idle_longest_makes_room() {
        let mut admission = Admission::new(2);
        asked(&mut admission, [1, 2, 1]);
        assert_eq!(admission.insert(&rows(3)), Some(rows(2)));
        assert_eq!(admission.insert(&rows(3)), None);
        assert_eq!(Admission::new(0).insert(&rows(1)), None);
    }
}
