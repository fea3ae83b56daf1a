//! How does a closed set of words, such as the types of a compose, become a type?
//!
//! One macro: the words stand once, and reading, writing and listing them follow from there.

/// Makes an enum whose values are words: `ALL`, `as_str`, `Display`, `FromStr` and serde as text.
macro_rules! words {
    ($(#[$doc:meta])* $type:ident, $what:literal { $($(#[$word_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $type {
            $($(#[$word_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $type {
            /// All values, in their order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Returns the word, as it is written in files and messages.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $type {
            type Err = crate::model::BadName;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().copied().find(|value| value.as_str() == text);
                found.ok_or_else(|| Self::Err::new($what, text, "is none of the words known"))
            }
        }
    };
}

pub(crate) use words;
