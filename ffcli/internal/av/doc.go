// Package av opens video files, decodes them, and writes them anew with edited pictures and everything else kept.
//
// It knows FFmpeg and core/frame, and nothing of faces. Decode (pass 1) and Transcode (pass 2) read a file with the same
// code, so that picture n of one is picture n of the other: same order, same Index, same time.
//
// Error texts are made for the user of the command line: one line, the file or stream first, no package prefix.
//
// Determinism: for the same file, options and Threads, decoded pictures, encoded pictures and (MXF apart, whose
// identifiers must be unique) the output bytes are the same in every run. Encoders such as x264 decide differently with
// another number of threads, and decoders may conceal damage differently; name Threads where runs on different machines
// must agree.
package av
