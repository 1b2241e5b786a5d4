package pipeline

import "time"

// Stage is a part of the work whose time is counted.
type Stage int

// Stages, in the order of the data flow.
const (
	StageCuts Stage = iota
	StageDetect
	StageLandmark
	StageRecognize
	StageTone
	StageGenerate
	StageComposite
	stages
)

var stageNames = [stages]string{"cuts", "detect", "landmarks", "recognise", "tone", "generate", "composite"}

// String is the stage's name in tables.
func (s Stage) String() string { return stageNames[s] }

// Times is the wall time spent in each stage.
type Times [stages]time.Duration

// ByName gives the times in milliseconds for machines.
func (t Times) ByName() map[string]float64 {
	m := map[string]float64{}
	for i, d := range t {
		m[stageNames[i]] = float64(d.Microseconds()) / 1000
	}
	return m
}

// count adds the time since start to stage s and returns now, the start of the next stage.
func (t *Times) count(s Stage, start time.Time) time.Time {
	now := time.Now()
	t[s] += now.Sub(start)
	return now
}
