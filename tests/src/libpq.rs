//! libpq's own parser as the judge of ours. With `libpq_session`, the only foreign code in the
//! workspace's tests.
#![expect(unsafe_code, reason = "libpq is a C library; this file and libpq_session call it")]

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use anyhow::{Context, Result};
use libloading::{Library, Symbol};

/// A loaded libpq.
pub struct Libpq {
    pub(crate) library: Library,
}

/// `PQconninfoOption` of libpq-fe.h.
#[repr(C)]
struct RawOption {
    keyword: *const c_char,
    envvar: *const c_char,
    compiled: *const c_char,
    val: *const c_char,
    label: *const c_char,
    dispchar: *const c_char,
    dispsize: c_int,
}

type Parse = unsafe extern "C" fn(*const c_char, *mut *mut c_char) -> *mut RawOption;
type FreeOptions = unsafe extern "C" fn(*mut RawOption);
type FreeMemory = unsafe extern "C" fn(*mut c_char);

/// What libpq makes of a string: bytes, since it does not care for UTF-8.
pub type Verdict = Result<BTreeMap<String, Vec<u8>>, String>;

impl Libpq {
    /// Loads the file that the environment variable `AYA_LIBPQ` names.
    ///
    /// # Errors
    /// If the variable is not set or names no libpq.
    pub fn from_variable() -> Result<Self> {
        let path = std::env::var_os("AYA_LIBPQ")
            .context("AYA_LIBPQ is not set: it must name the libpq.so.5 of PostgreSQL 18")?;
        // SAFETY: libpq has no initialisers beyond those of the C library.
        let library = unsafe { Library::new(&path) }
            .with_context(|| format!("loading {}", path.display()))?;
        Ok(Self { library })
    }

    /// Runs `PQconninfoParse`.
    ///
    /// # Errors
    /// If the library lacks a function or the text holds a zero byte.
    pub fn parse(&self, text: &str) -> Result<Verdict> {
        let text = CString::new(text)?;
        // SAFETY: names and types are those of libpq-fe.h; every pointer that libpq returns is
        // read before it is freed, by the function that libpq's manual names, once.
        unsafe {
            let parse: Symbol<'_, Parse> = self.library.get(b"PQconninfoParse\0")?;
            let free_options: Symbol<'_, FreeOptions> = self.library.get(b"PQconninfoFree\0")?;
            let free_memory: Symbol<'_, FreeMemory> = self.library.get(b"PQfreemem\0")?;
            let mut message = ptr::null_mut();
            let options = parse(text.as_ptr(), &raw mut message);
            if options.is_null() {
                let told = if message.is_null() {
                    String::new()
                } else {
                    CStr::from_ptr(message).to_string_lossy().into_owned()
                };
                free_memory(message);
                return Ok(Err(told));
            }
            let mut values = BTreeMap::new();
            let mut option = options;
            while !(*option).keyword.is_null() {
                if !(*option).val.is_null() {
                    let keyword = CStr::from_ptr((*option).keyword).to_string_lossy();
                    let value = CStr::from_ptr((*option).val).to_bytes().to_vec();
                    values.insert(keyword.into_owned(), value);
                }
                option = option.add(1);
            }
            free_options(options);
            Ok(Ok(values))
        }
    }
}
