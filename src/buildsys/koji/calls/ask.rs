//! What is a call together with what its answer means?

use std::io::BufRead;

use serde_json::Value;

use super::super::error::Error;
use super::super::xmlrpc::{self, Call, Limits, read, read_members};
use super::row::{array, kind, shape};

/// A call whose answer is a `T`.
#[derive(Debug)]
pub struct Ask<T> {
    pub(in super::super) call: Call,
    pub(in super::super) answer: Answer<T>,
}

type Method = &'static str;

/// How an answer is read.
#[derive(Debug)]
pub(in super::super) enum Answer<T> {
    /// In one piece.
    Whole(fn(Method, Value) -> Result<T, Error>),
    /// An array, element by element.
    Rows(fn() -> T, fn(Method, &mut T, Value) -> Result<(), Error>),
    /// A struct of arrays, element by element; the members that have to be there.
    Members(fn() -> T, fn(Method, &mut T, &str, Value) -> Result<(), Error>, Vec<&'static str>),
}

impl<T> Ask<T> {
    pub(super) fn whole(call: Call, read: fn(Method, Value) -> Result<T, Error>) -> Self {
        Self { call, answer: Answer::Whole(read) }
    }
}

impl<T> Ask<Vec<T>> {
    pub(super) fn rows(call: Call, read: fn(Method, &mut Vec<T>, Value) -> Result<(), Error>) -> Self {
        Self { call, answer: Answer::Rows(Vec::new, read) }
    }

    /// As [`Ask::rows`], of an answer whose members `names` are arrays.
    pub(super) fn members(
        call: Call,
        names: Vec<&'static str>,
        read: fn(Method, &mut Vec<T>, &str, Value) -> Result<(), Error>,
    ) -> Self {
        Self { call, answer: Answer::Members(Vec::new, read, names) }
    }
}

impl<T> Answer<T> {
    /// Reads the body of an answer.
    pub(in super::super) fn read(&self, method: Method, body: &mut dyn BufRead, limits: Limits) -> Result<T, Error> {
        self.read_or_stop(method, body, limits).map_err(|stop| stop.told(method))
    }

    fn read_or_stop(&self, method: Method, body: &mut dyn BufRead, limits: Limits) -> Result<T, Stop> {
        match self {
            Self::Whole(take) => {
                let mut found = None;
                read(body, 0, limits, |_, value| {
                    found = Some(take(method, value)?);
                    Ok::<_, Stop>(())
                })?;
                Ok(found.ok_or_else(|| shape(method, "the whole", "missing"))?)
            }
            Self::Rows(make, take) => {
                let mut rows = make();
                read(body, 1, limits, |_, value| Ok::<_, Stop>(take(method, &mut rows, value)?))?;
                Ok(rows)
            }
            Self::Members(make, take, names) => {
                let mut rows = make();
                let each = |name: &str, value| Ok::<_, Stop>(take(method, &mut rows, name, value)?);
                let found = read_members(body, limits, each)?;
                match names.iter().find(|name| !found.iter().any(|found| found == *name)) {
                    Some(name) => Err(shape(method, name, "missing").into()),
                    None => Ok(rows),
                }
            }
        }
    }

    /// Takes an answer that was read already, one of many.
    pub(in super::super) fn take(&self, method: Method, value: Value) -> Result<T, Error> {
        match self {
            Self::Whole(take) => take(method, value),
            Self::Rows(make, take) => {
                let mut rows = make();
                for value in array(method, "the whole", value)? {
                    take(method, &mut rows, value)?;
                }
                Ok(rows)
            }
            Self::Members(make, take, names) => {
                let Value::Object(mut members) = value else {
                    return Err(shape(method, "the whole", &kind(Some(&value))));
                };
                let mut rows = make();
                for name in names {
                    for value in array(method, name, members.remove(*name).unwrap_or_default())? {
                        take(method, &mut rows, name, value)?;
                    }
                }
                Ok(rows)
            }
        }
    }
}

/// Why reading an answer ended early.
pub(in super::super) enum Stop {
    /// It cannot be read on.
    Wire(xmlrpc::Error),
    /// It can, and is not what it has to be.
    Own(Error),
}

impl Stop {
    pub(in super::super) fn told(self, method: Method) -> Error {
        match self {
            Self::Wire(error) => Error::of_answer(method, error),
            Self::Own(error) => error,
        }
    }
}

impl From<xmlrpc::Error> for Stop {
    fn from(error: xmlrpc::Error) -> Self {
        Self::Wire(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}
