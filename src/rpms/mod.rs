//! rpms
