//! What a scalar means: the types of YAML 1.1 (<https://yaml.org/type/>), with PyYAML's regular
//! expressions for them, which differ from those of the specification in places.

use super::value::Value;

/// A plain scalar without a tag.
///
/// # Errors
/// Where PyYAML recognises a type and then cannot make a value of it.
pub(super) fn resolve(text: &str) -> Result<Value, &'static str> {
    if is_null(text) {
        return Ok(Value::Null);
    }
    if let Some(truth) = truth(text) {
        return Ok(Value::Bool(truth));
    }
    if is_integer(text) {
        return integer(text).map(Value::Int);
    }
    if is_float(text) {
        return float(text).map(Value::Float);
    }
    if is_time(text) {
        return time(text);
    }
    match text {
        "<<" => Err("\"<<\" is a key"),
        "=" => Err("a single \"=\" is the default value of YAML 1.1, which nothing here has"),
        _ => Ok(Value::Text(text.to_owned())),
    }
}

/// A scalar with a tag of YAML's own.
///
/// # Errors
/// If it is none of that type.
pub(super) fn tagged(tag: &str, text: &str) -> Result<Value, &'static str> {
    match tag {
        "str" => Ok(Value::Text(text.to_owned())),
        "null" => Ok(Value::Null),
        "bool" => truth(&text.to_lowercase()).map(Value::Bool).ok_or("no truth value"),
        "int" => integer(text).map(Value::Int),
        "float" => float(text).map(Value::Float),
        "timestamp" if is_time(text) => time(text),
        "timestamp" => Err("no timestamp"),
        "binary" => binary(text).map(Value::Bytes),
        _ => Err("a tag that is not known"),
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Without its sign.
fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn all(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_integer(text: &str) -> bool {
    let digits = unsigned(text);
    let decimal = |it: u8| it.is_ascii_digit() || it == b'_';
    if let Some(binary) = digits.strip_prefix("0b") {
        return all(binary, |it| matches!(it, b'0' | b'1' | b'_'));
    }
    if let Some(hexadecimal) = digits.strip_prefix("0x") {
        return all(hexadecimal, |it| it.is_ascii_hexdigit() || it == b'_');
    }
    if let Some(octal) = digits.strip_prefix('0') {
        return octal.is_empty() || all(octal, |it| matches!(it, b'0'..=b'7' | b'_'));
    }
    let (first, sixties) = digits.split_once(':').unwrap_or((digits, ""));
    first.starts_with(|it: char| it.is_ascii_digit())
        && all(first, decimal)
        && (!digits.contains(':') || sixties.split(':').all(is_sixty))
}

/// A digit or two, below sixty.
fn is_sixty(part: &str) -> bool {
    match part.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [b'0'..=b'5', digit] => digit.is_ascii_digit(),
        _ => false,
    }
}

fn integer(text: &str) -> Result<i128, &'static str> {
    const NONE: &str = "no integer";
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let of = |digits: &str, base| {
        let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_alphanumeric());
        let number = is_number.then(|| i128::from_str_radix(digits, base).ok()).flatten();
        number.ok_or(NONE)
    };
    let value = if digits == "0" {
        0
    } else if let Some(binary) = digits.strip_prefix("0b") {
        of(binary, 2)?
    } else if let Some(hexadecimal) = digits.strip_prefix("0x") {
        of(hexadecimal, 16)?
    } else if digits.starts_with('0') {
        of(digits, 8)?
    } else if digits.contains(':') {
        let mut value = 0_i128;
        for part in digits.split(':') {
            let part = of(part, 10)?;
            value = value.checked_mul(60).and_then(|it| it.checked_add(part)).ok_or(NONE)?;
        }
        value
    } else {
        of(digits, 10)?
    };
    Ok(sign * value)
}

fn is_float(text: &str) -> bool {
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let digits = unsigned(text);
    if matches!(digits, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let Some((whole, rest)) = digits.split_once('.') else { return false };
    let decimal = |it: u8| it.is_ascii_digit() || it == b'_';
    let starts = |part: &str| part.starts_with(|it: char| it.is_ascii_digit());
    if let Some((first, sixties)) = whole.split_once(':') {
        return starts(first)
            && all(first, decimal)
            && sixties.split(':').all(is_sixty)
            && rest.bytes().all(decimal);
    }
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let exponent_is_right = exponent.is_none_or(|exponent| {
        exponent.starts_with(['-', '+']) && all(&exponent[1..], |it| it.is_ascii_digit())
    });
    if !exponent_is_right {
        return false;
    }
    match whole {
        // PyYAML has no sign in front of a point.
        "" => digits == text && starts(fraction) && all(fraction, decimal),
        whole => starts(whole) && all(whole, decimal) && fraction.bytes().all(decimal),
    }
}

fn float(text: &str) -> Result<f64, &'static str> {
    const NONE: &str = "no number";
    let plain = text.replace('_', "").to_lowercase();
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => (-1.0, digits),
        None => (1.0, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    match digits {
        ".inf" => return Ok(sign * f64::INFINITY),
        ".nan" => return Ok(f64::NAN),
        _ => {}
    }
    let number = |text: &str| {
        let is_number =
            text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'.' | b'e' | b'+' | b'-'));
        is_number.then(|| text.parse::<f64>().ok()).flatten().ok_or(NONE)
    };
    let mut value = 0.0;
    for part in digits.split(':') {
        value = value * 60.0 + number(part)?;
    }
    Ok(sign * value)
}

fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_date = |part: &[u8]| {
        matches!(part, [y @ .., b'-', a, b, b'-', c, d] if y.len() == 4
            && y.iter().chain([a, b, c, d]).all(u8::is_ascii_digit))
    };
    if is_date(bytes) {
        return true;
    }
    parts(text).is_some()
}

/// Year, month, day, hour, minute, second.
fn parts(text: &str) -> Option<[u32; 6]> {
    let (date, rest) = match text.find(['T', 't', ' ', '\t']) {
        Some(at) => text.split_at(at),
        None => return None,
    };
    let mut numbers = date.splitn(3, '-');
    let (year, month, day) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let time = match rest.strip_prefix(['T', 't']) {
        Some(time) => time,
        None => rest.trim_start_matches([' ', '\t']),
    };
    let clock_end = time.find(|it: char| !it.is_ascii_digit() && it != ':').unwrap_or(time.len());
    let (clock, mut tail) = time.split_at(clock_end);
    let mut numbers = clock.splitn(3, ':');
    let (hour, minute, second) = (numbers.next()?, numbers.next()?, numbers.next()?);
    if let Some(fraction) = tail.strip_prefix('.') {
        tail = fraction.trim_start_matches(|it: char| it.is_ascii_digit());
    }
    let zone = tail.trim_start_matches([' ', '\t']);
    let is_zone = match zone {
        "" => tail.is_empty(),
        "Z" => true,
        zone => {
            let offset = zone.strip_prefix(['-', '+'])?;
            let (hours, minutes) = offset.split_once(':').unwrap_or((offset, "00"));
            digits(hours, 1, 2).is_some() && digits(minutes, 2, 2).is_some()
        }
    };
    if !is_zone {
        return None;
    }
    Some([
        digits(year, 4, 4)?,
        digits(month, 1, 2)?,
        digits(day, 1, 2)?,
        digits(hour, 1, 2)?,
        digits(minute, 2, 2)?,
        digits(second, 2, 2)?,
    ])
}

fn digits(text: &str, least: usize, most: usize) -> Option<u32> {
    let fits = (least..=most).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

fn time(text: &str) -> Result<Value, &'static str> {
    let given = match parts(text) {
        Some(given) => given,
        None => {
            let mut numbers = text.splitn(3, '-').map(|it| it.parse().unwrap_or(0));
            let mut next = || numbers.next().unwrap_or(0);
            [next(), next(), next(), 0, 0, 0]
        }
    };
    let [year, month, day, hour, minute, second] = given;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    let exists = year > 0 && (1..=days).contains(&day) && hour < 24 && minute < 60 && second < 60;
    match exists {
        true => Ok(Value::Time(text.to_owned())),
        false => Err("a moment that no calendar has"),
    }
}

fn binary(text: &str) -> Result<Vec<u8>, &'static str> {
    use base64::Engine as _;
    let dense: String = text.chars().filter(|it| !it.is_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(dense).map_err(|_| "no base64")
}
