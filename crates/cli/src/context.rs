//! What a command works with: the options, the keyset file, and the device that it opens.

use std::env;
use std::path::PathBuf;

use carechain_client::{ClientError, Device};
use carechain_crypto::{CryptoError, KEYSET_MAX_BYTES, Keyset};
use carechain_domain::SubjectId;

use crate::args::Global;
use crate::error::CliError;
use crate::files;
use crate::output::Output;
use crate::platform::{Storage, StorageLock, Terminal};
use crate::secrets::{self, Secret};

/// The options of a command and where its results go.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) out: Output,
}

/// An open device; no other command works with its keyset meanwhile.
pub(crate) struct Opened {
    pub(crate) device: Device<Terminal>,
    _lock: Option<StorageLock>,
}

impl Context {
    pub(crate) fn new(global: Global, out: Output) -> Self {
        Context { global, out }
    }

    /// The keyset file that was named, or the default one.
    pub(crate) fn keyset_path(&self) -> Result<PathBuf, CliError> {
        if let Some(path) = &self.global.keyset {
            return Ok(path.clone());
        }
        let config = env::var_os("XDG_CONFIG_HOME")
            .filter(|v| !v.is_empty())
            .map(PathBuf::from);
        let config = config.or_else(|| {
            let home = env::var_os("HOME").filter(|v| !v.is_empty())?;
            Some(PathBuf::from(home).join(".config"))
        });
        match config {
            Some(dir) => Ok(dir.join("carechain/keyset")),
            None => Err(CliError::usage(
                "--keyset",
                "give it: there is no HOME to look in",
            )),
        }
    }

    /// The bytes of the keyset file.
    pub(crate) fn keyset_file(&self) -> Result<(PathBuf, Vec<u8>), CliError> {
        let path = self.keyset_path()?;
        match files::read(&path, KEYSET_MAX_BYTES as u64)? {
            Some(bytes) => Ok((path, bytes)),
            None => Err(CliError::KeysetMissing(path)),
        }
    }

    /// The keyset file, locked as it is.
    pub(crate) fn keyset(&self) -> Result<(PathBuf, Keyset), CliError> {
        let (path, bytes) = self.keyset_file()?;
        let keyset = Keyset::parse(&bytes).map_err(CliError::crypto("reading the keyset file"))?;
        Ok((path, keyset))
    }

    /// Refuses to go on where a keyset file is already.
    pub(crate) fn vacant_keyset_path(&self) -> Result<PathBuf, CliError> {
        let path = self.keyset_path()?;
        match path.try_exists() {
            Ok(false) => Ok(path),
            Ok(true) => Err(CliError::KeysetExists(path)),
            Err(e) => Err(CliError::file("looking for", &path)(e)),
        }
    }

    /// The surroundings of the keyset at `path`.
    pub(crate) fn terminal(&self, path: &std::path::Path) -> Result<Terminal, CliError> {
        Terminal::new(&self.global.node, Storage::beside(path))
    }

    /// Waits for other commands with the same keyset.
    pub(crate) fn lock(&self, path: &std::path::Path) -> Result<StorageLock, CliError> {
        let out = self.out;
        Storage::beside(path).lock(path, || {
            out.remark("waiting for another command that works with the same keys")
        })
    }

    /// Opens the device, and finishes what is pending.
    pub(crate) async fn device(&self) -> Result<Opened, CliError> {
        let opened = self.device_as_it_is().await?;
        if opened.device.is_unregistered() {
            return Err(ClientError::NotRegistered.into());
        }
        crate::commands::tend_quietly(&opened.device, self.out).await?;
        Ok(opened)
    }

    /// Opens the device and does nothing else; it may not be registered yet.
    pub(crate) async fn device_as_it_is(&self) -> Result<Opened, CliError> {
        let (path, _) = self.keyset_file()?;
        let lock = self.lock(&path)?;
        let device = self.open(&secrets::password(&self.global)?).await?;
        Ok(Opened {
            device,
            _lock: Some(lock),
        })
    }

    /// Opens the device for listening alone, beside other commands.
    pub(crate) async fn listener(&self) -> Result<Opened, CliError> {
        let (_, _) = self.keyset_file()?;
        let device = self.open(&secrets::password(&self.global)?).await?;
        if device.is_unregistered() {
            return Err(ClientError::NotRegistered.into());
        }
        Ok(Opened {
            device,
            _lock: None,
        })
    }

    async fn open(&self, password: &Secret) -> Result<Device<Terminal>, CliError> {
        let (path, bytes) = self.keyset_file()?;
        let opened = Device::open(self.terminal(&path)?, &bytes, password).await;
        opened.map_err(|error| {
            let wrong = CryptoError::WrongPassword;
            if matches!(&error, ClientError::Crypto { source, .. } if *source == wrong) {
                CliError::WrongPassword(path)
            } else {
                error.into()
            }
        })
    }
}

impl Opened {
    /// Whose record is meant: the one named, else one's own.
    pub(crate) fn subject_or_own(&self, named: Option<SubjectId>) -> SubjectId {
        named.unwrap_or_else(|| self.device.subject())
    }
}
