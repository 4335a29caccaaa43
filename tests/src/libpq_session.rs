//! A session of libpq, as the judge of ours.
#![expect(unsafe_code, reason = "libpq is a C library; this file and libpq call it")]

use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_void};
use std::ptr;

use anyhow::{Context, Result, bail, ensure};
use libloading::Symbol;

use crate::libpq::Libpq;
use crate::outcome::{FIELDS, Kind, Outcome, OutcomeColumn};

/// `PGconn` and `PGresult`, of which only pointers are known.
type Conn = *mut c_void;
type Res = *mut c_void;
type NoticeReceiver = unsafe extern "C" fn(*mut c_void, Res);

/// A connected session.
pub struct LibpqSession<'a> {
    libpq: &'a Libpq,
    conn: Conn,
    notices: Box<Notices>,
}

/// What libpq hands to the receiver of notices.
struct Notices {
    text_of: unsafe extern "C" fn(Res) -> *const c_char,
    texts: Vec<Vec<u8>>,
}

/// Calls a function of libpq by its name.
macro_rules! call {
    ($session:expr, $name:literal, fn($($kind:ty),*) -> $result:ty, $($argument:expr),*) => {{
        let function: Symbol<'_, unsafe extern "C" fn($($kind),*) -> $result> =
            $session.libpq.library.get(concat!($name, "\0").as_bytes())?;
        function($($argument),*)
    }};
}

impl<'a> LibpqSession<'a> {
    /// Connects.
    ///
    /// # Errors
    /// With what libpq says, if it cannot.
    pub fn connect(libpq: &'a Libpq, conninfo: &str) -> Result<Result<Self, Vec<u8>>> {
        let conninfo = CString::new(conninfo)?;
        // SAFETY: names and types are those of libpq-fe.h. The notices live in a box of their own
        // for as long as the session does, and libpq is used by this thread alone.
        unsafe {
            let text_of = *libpq.library.get(b"PQresultErrorMessage\0")?;
            let notices = Box::new(Notices { text_of, texts: Vec::new() });
            let mut session = Self { libpq, conn: ptr::null_mut(), notices };
            session.conn =
                call!(session, "PQconnectdb", fn(*const c_char) -> Conn, conninfo.as_ptr());
            ensure!(!session.conn.is_null(), "libpq has no memory");
            if call!(session, "PQstatus", fn(Conn) -> c_int, session.conn) != 0 {
                let text =
                    call!(session, "PQerrorMessage", fn(Conn) -> *const c_char, session.conn);
                return Ok(Err(CStr::from_ptr(text).to_bytes().to_vec()));
            }
            call!(
                session,
                "PQsetNoticeReceiver",
                fn(Conn, NoticeReceiver, *mut c_void) -> *const c_void,
                session.conn,
                receive,
                ptr::from_mut(&mut *session.notices).cast()
            );
            Ok(Ok(session))
        }
    }

    /// Runs a query and takes every result, as `PQsendQuery` and `PQgetResult` give them. Data
    /// for COPY FROM STDIN is `input`, or else it is given up.
    ///
    /// # Errors
    /// If libpq cannot be asked.
    pub fn query(&mut self, sql: &[u8], input: Option<&[u8]>) -> Result<Vec<Outcome>> {
        let sql = CString::new(sql)?;
        let mut outcomes = Vec::new();
        // SAFETY: as above; every result is cleared once, after everything of it has been copied.
        unsafe {
            let sent = call!(
                self,
                "PQsendQuery",
                fn(Conn, *const c_char) -> c_int,
                self.conn,
                sql.as_ptr()
            );
            ensure!(sent == 1, "PQsendQuery failed");
            loop {
                let result = call!(self, "PQgetResult", fn(Conn) -> Res, self.conn);
                if result.is_null() {
                    return Ok(outcomes);
                }
                let mut outcome = self.read(result)?;
                call!(self, "PQclear", fn(Res) -> (), result);
                match outcome.kind {
                    Kind::CopyOut => outcome.rows = self.copy_out()?,
                    Kind::CopyIn => self.copy_in(input)?,
                    _ => {}
                }
                outcomes.push(outcome);
            }
        }
    }

    /// The notices since the last call, as libpq shows them.
    pub fn notices(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.notices.texts)
    }

    unsafe fn read(&self, result: Res) -> Result<Outcome> {
        // SAFETY: the caller's result is live, and rows and columns are within what it holds.
        unsafe {
            let kind = match call!(self, "PQresultStatus", fn(Res) -> c_int, result) {
                0 => Kind::Empty,
                1 => Kind::Done,
                2 => Kind::Table,
                3 => Kind::CopyOut,
                4 => Kind::CopyIn,
                7 => Kind::Error,
                other => bail!("a result of status {other}"),
            };
            let mut outcome = Outcome::new(kind);
            if kind == Kind::Error {
                for field in FIELDS {
                    let field = c_int::from(*field);
                    let text = call!(
                        self,
                        "PQresultErrorField",
                        fn(Res, c_int) -> *const c_char,
                        result,
                        field
                    );
                    outcome.fields.push((!text.is_null()).then(|| bytes(text)));
                }
                outcome.message =
                    bytes(call!(self, "PQresultErrorMessage", fn(Res) -> *const c_char, result));
                return Ok(outcome);
            }
            outcome.tag = bytes(call!(self, "PQcmdStatus", fn(Res) -> *const c_char, result));
            let touched = bytes(call!(self, "PQcmdTuples", fn(Res) -> *const c_char, result));
            outcome.touched = std::str::from_utf8(&touched)?.parse().ok();
            if kind == Kind::Table {
                self.read_table(result, &mut outcome)?;
            }
            Ok(outcome)
        }
    }

    unsafe fn read_table(&self, result: Res, outcome: &mut Outcome) -> Result<()> {
        // SAFETY: as above.
        unsafe {
            let columns = call!(self, "PQnfields", fn(Res) -> c_int, result);
            let rows = call!(self, "PQntuples", fn(Res) -> c_int, result);
            for column in 0..columns {
                let number = |name: &[u8]| -> Result<i64> {
                    let ask: Symbol<'_, unsafe extern "C" fn(Res, c_int) -> c_int> =
                        self.libpq.library.get(name)?;
                    Ok(ask(result, column).into())
                };
                let name = call!(self, "PQfname", fn(Res, c_int) -> *const c_char, result, column);
                let table = call!(self, "PQftable", fn(Res, c_int) -> c_uint, result, column);
                let numbers = [
                    number(b"PQftablecol\0")?,
                    number(b"PQftype\0")?,
                    number(b"PQfsize\0")?,
                    number(b"PQfmod\0")?,
                    number(b"PQfformat\0")?,
                ];
                let of_table = table != 0;
                outcome.columns.push(OutcomeColumn { name: bytes(name), of_table, numbers });
            }
            for row in 0..rows {
                outcome.rows.push(
                    (0..columns)
                        .map(|column| self.cell(result, row, column))
                        .collect::<Result<_>>()?,
                );
            }
            Ok(())
        }
    }

    unsafe fn cell(&self, result: Res, row: c_int, column: c_int) -> Result<Option<Vec<u8>>> {
        // SAFETY: as above; the length is that of the value.
        unsafe {
            if call!(self, "PQgetisnull", fn(Res, c_int, c_int) -> c_int, result, row, column) == 1
            {
                return Ok(None);
            }
            let length =
                call!(self, "PQgetlength", fn(Res, c_int, c_int) -> c_int, result, row, column);
            let value =
                call!(self, "PQgetvalue", fn(Res, c_int, c_int) -> *const u8, result, row, column);
            Ok(Some(std::slice::from_raw_parts(value, usize::try_from(length)?).to_vec()))
        }
    }

    unsafe fn copy_out(&self) -> Result<Vec<Vec<Option<Vec<u8>>>>> {
        let mut rows = Vec::new();
        // SAFETY: libpq allocates each piece of the length that it returns, and it is freed once.
        unsafe {
            loop {
                let mut piece: *mut c_char = ptr::null_mut();
                let length = call!(
                    self,
                    "PQgetCopyData",
                    fn(Conn, *mut *mut c_char, c_int) -> c_int,
                    self.conn,
                    &raw mut piece,
                    0
                );
                let Ok(length) = usize::try_from(length) else { return Ok(rows) };
                rows.push(vec![Some(
                    std::slice::from_raw_parts(piece.cast::<u8>(), length).to_vec(),
                )]);
                call!(self, "PQfreemem", fn(*mut c_char) -> (), piece);
            }
        }
    }

    unsafe fn copy_in(&self, input: Option<&[u8]>) -> Result<()> {
        // SAFETY: libpq copies the data before it returns.
        unsafe {
            let reason = match input {
                Some(data) => {
                    let length = c_int::try_from(data.len())?;
                    call!(
                        self,
                        "PQputCopyData",
                        fn(Conn, *const u8, c_int) -> c_int,
                        self.conn,
                        data.as_ptr(),
                        length
                    );
                    ptr::null()
                }
                None => c"given up".as_ptr(),
            };
            call!(self, "PQputCopyEnd", fn(Conn, *const c_char) -> c_int, self.conn, reason);
            Ok(())
        }
    }
}

impl Drop for LibpqSession<'_> {
    fn drop(&mut self) {
        let finish = || -> Result<()> {
            // SAFETY: the connection is not used again; a null pointer is allowed.
            unsafe { call!(self, "PQfinish", fn(Conn) -> (), self.conn) };
            Ok(())
        };
        let _ = finish().context("PQfinish");
    }
}

/// Called by libpq for each notice.
unsafe extern "C" fn receive(notices: *mut c_void, result: Res) {
    // SAFETY: the pointer is that of the session's box, and the result is live during the call.
    unsafe {
        let notices = &mut *notices.cast::<Notices>();
        notices.texts.push(bytes((notices.text_of)(result)));
    }
}

/// Copies a text of libpq.
unsafe fn bytes(text: *const c_char) -> Vec<u8> {
    // SAFETY: libpq ends its texts with a zero byte, and they live as long as their result.
    unsafe { CStr::from_ptr(text).to_bytes().to_vec() }
}
