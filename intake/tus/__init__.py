"""Resumable uploads by tus 1.0 (https://tus.io/protocols/resumable-upload): the protocol at /uploads/tus/. What it
means to the portal, crash safety included, is in `intake.services.partial`."""
