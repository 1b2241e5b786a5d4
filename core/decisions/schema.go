package decisions

import (
	"encoding/json"
	"reflect"
	"strings"
)

// Schema is the JSON schema (draft 2020-12) of decision lists, made from the very types that are read. It tells the shape;
// what hangs together over several keys (ids, frame order) only Read checks.
func Schema() []byte {
	s := schemaOf(reflect.TypeFor[List]())
	s["$schema"], s["title"] = "https://json-schema.org/draft/2020-12/schema", "ksamenet decision list, version 1"
	s["properties"].(map[string]any)["format"] = map[string]any{"const": Format}
	s["properties"].(map[string]any)["version"] = map[string]any{"type": "integer", "minimum": 1, "maximum": Version}
	b, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		panic(err) // maps of strings and numbers
	}
	return append(b, '\n')
}

// schemaOf is the schema of what encoding/json makes of a type. Maps are marshalled with sorted keys: equal bytes.
func schemaOf(t reflect.Type) map[string]any {
	if t == reflect.TypeFor[Action]() {
		return map[string]any{"enum": []Action{Replace, Cover, Blur, Keep}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Array:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem()), "minItems": t.Len(), "maxItems": t.Len()}
	case reflect.Slice:
		// A list without entries is written as null where it was never made.
		return map[string]any{"type": []string{"array", "null"}, "items": schemaOf(t.Elem())}
	case reflect.Struct:
		props, required := map[string]any{}, []string{}
		for i := range t.NumField() {
			name, opts, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			props[name] = schemaOf(t.Field(i).Type)
			if !strings.Contains(opts, "omit") && t.Field(i).Type.Kind() != reflect.Slice {
				required = append(required, name)
			}
		}
		return map[string]any{"type": "object", "properties": props, "required": required, "additionalProperties": false}
	}
	return map[string]any{"type": "integer"}
}
