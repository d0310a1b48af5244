//! Two attributes in one word each: an account layout, and the stored twin of an engine struct.

/// Declares an account: plain old data, its discriminator, and its full size in bytes.
macro_rules! layout {
    ($(#[$doc:meta])* account $name:ident [$discriminator:literal, $size:expr] { $( $(#[$field_doc:meta])* $field:ident : $kind:tt ),* $(,)? }) => {
        $(#[$doc])*
        #[cfg_attr(feature = "anchor", anchor_lang::prelude::account(zero_copy, discriminator = $discriminator))]
        #[cfg_attr(not(feature = "anchor"), derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable), repr(C))]
        pub struct $name { $( $(#[$field_doc])* pub $field: $kind ),* }

        impl $name {
            /// First eight bytes of the account.
            pub const TAG: &'static [u8; 8] = $discriminator;
            /// Size of the whole account in bytes, discriminator included.
            #[allow(clippy::arithmetic_side_effects, reason = "a sum of sizes, evaluated by the compiler")]
            pub const SPACE: usize = $size;

            /// The layout inside an account's bytes; `None` for another type or a wrong size.
            pub fn from_bytes(data: &[u8]) -> Option<&Self> {
                let (tag, body) = data.split_at_checked(8)?;
                if tag == Self::TAG { bytemuck::try_from_bytes(body).ok() } else { None }
            }
        }

        #[allow(clippy::arithmetic_side_effects, reason = "a sum of sizes, evaluated by the compiler")]
        const _: () = assert!(core::mem::size_of::<$name>() + 8 == $name::SPACE && $name::SPACE % 8 == 0);
        const _: () = assert!(core::mem::align_of::<$name>() == 8);
    };
    ($(#[$doc:meta])* part $name:ident [$size:expr] { $( $(#[$field_doc:meta])* $field:ident : $kind:tt ),* $(,)? }) => {
        $(#[$doc])*
        #[cfg_attr(feature = "anchor", anchor_lang::prelude::zero_copy)]
        #[cfg_attr(not(feature = "anchor"), derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable), repr(C))]
        pub struct $name { $( $(#[$field_doc])* pub $field: $kind ),* }

        #[allow(clippy::arithmetic_side_effects, reason = "a sum of sizes, evaluated by the compiler")]
        const _: () = assert!(core::mem::size_of::<$name>() == $size);
    };
}

/// Declares the stored twin of an engine struct: same fields, same offsets (asserted), and free conversion both ways.
///
/// The engine knows nothing of Anchor, and Anchor's interface description needs its own attribute on every stored type: hence a twin.
macro_rules! mirror {
    // The engine keeps these fields to itself; size and alignment are all that can be compared.
    ($(#[$doc:meta])* opaque $name:ident = $engine:path { $( $(#[$field_doc:meta])* $field:ident : $kind:tt ),* $(,)? }) => {
        mirror!(@twin $(#[$doc])* $name = $engine { $( $(#[$field_doc])* $field : $kind ),* });
    };
    ($(#[$doc:meta])* $name:ident = $engine:path { $( $(#[$field_doc:meta])* $field:ident : $kind:tt ),* $(,)? }) => {
        mirror!(@twin $(#[$doc])* $name = $engine { $( $(#[$field_doc])* $field : $kind ),* });
        const _: () = { $( assert!(core::mem::offset_of!($name, $field) == core::mem::offset_of!($engine, $field)); )* };
    };
    (@twin $(#[$doc:meta])* $name:ident = $engine:path { $( $(#[$field_doc:meta])* $field:ident : $kind:tt ),* }) => {
        $(#[$doc])*
        #[cfg_attr(feature = "anchor", anchor_lang::prelude::zero_copy)]
        #[cfg_attr(not(feature = "anchor"), derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable), repr(C))]
        pub struct $name { $( $(#[$field_doc])* pub $field: $kind ),* }

        const _: () = {
            assert!(core::mem::size_of::<$name>() == core::mem::size_of::<$engine>());
            assert!(core::mem::align_of::<$name>() == core::mem::align_of::<$engine>());
        };

        impl core::ops::Deref for $name {
            type Target = $engine;
            fn deref(&self) -> &$engine {
                bytemuck::must_cast_ref(self)
            }
        }

        impl core::ops::DerefMut for $name {
            fn deref_mut(&mut self) -> &mut $engine {
                bytemuck::must_cast_mut(self)
            }
        }

        impl From<$engine> for $name {
            fn from(value: $engine) -> Self {
                bytemuck::must_cast(value)
            }
        }
    };
}

pub(crate) use {layout, mirror};
