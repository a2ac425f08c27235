//! Tests, by topic.

mod changes;
mod escrow;
mod reserve;
mod submission;

use crate::mock::*;
use station_porep::SizeClass;

const SMALL: SizeClass = SizeClass::MIN;
const LARGE: SizeClass = SizeClass::MAX;
