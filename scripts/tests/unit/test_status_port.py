# SPDX-License-Identifier: GPL-2.0
"""The stream of frames from the status port."""

import unittest

from fsc.vm.status_port import FrameError, Frames

STREAM = b"@begin\n@blob say 5\nhello\n@blob run.json 9\n{\n@blob x\n@blob empty 0\n\n@status PASS job exited 0\n"
BLOBS = [("say", b"hello"), ("run.json", b"{\n@blob x"), ("empty", b"")]


class FramesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.blobs: list[tuple[str, bytes]] = []
        self.frames = Frames(lambda name, data: self.blobs.append((name, data)))

    def test_whole(self) -> None:
        self.frames.feed(STREAM)
        self.assertEqual(self.blobs, BLOBS)
        self.assertEqual(self.frames.status, ("PASS", "job exited 0"))
        self.assertEqual((self.frames.began, self.frames.blobs, self.frames.last), (True, 3, "empty"))

    def test_byte_by_byte(self) -> None:
        for at in range(len(STREAM)):
            self.assertIsNone(self.frames.status)
            self.frames.feed(STREAM[at:at + 1])
        self.assertEqual(self.blobs, BLOBS)
        self.assertEqual(self.frames.status, ("PASS", "job exited 0"))

    def test_cut_off_blob_never_arrives(self) -> None:
        self.frames.feed(b"@blob say 5\nhell")
        self.assertEqual(self.blobs, [])
        self.assertIsNone(self.frames.status)

    def test_nothing_counts_after_the_status(self) -> None:
        self.frames.feed(b"@status FAIL x\n@status PASS y\n@blob say 1\na\n")
        self.assertEqual(self.frames.status, ("FAIL", "x"))
        self.assertEqual(self.blobs, [])

    def test_garbage(self) -> None:
        for stream in (b"hello\n", b"@blob say\n", b"@blob say -1\n", b"@blob say 1\nab\n",
                       b"@status LOST x\n", b"@status PASS\n"):
            with self.subTest(stream), self.assertRaises(FrameError):
                Frames(lambda name, data: None).feed(stream)


if __name__ == "__main__":
    unittest.main()
