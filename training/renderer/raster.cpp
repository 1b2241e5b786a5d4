// CPU rasteriser and skin shading for the training renderer (see __init__.py).
//
// Plain C interface for ctypes; every array is caller-owned, contiguous, row-major. Screen space has x to the right and
// y down, in pixels; depth is stored as 1/z, so that larger is nearer and 0 is empty. Colours are linear RGB until the
// last line of shade(), which writes sRGB.
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace {

enum Material { SKIN = 0, EYE = 1, GLAND = 2, TEETH = 3, CAVITY = 4 };

inline float clamp01(float x) { return std::min(1.f, std::max(0.f, x)); }
inline float sq(float x) { return x * x; }
inline float fifth(float x) { return sq(sq(x)) * x; }

struct Texture {
  const uint8_t *data;
  int w, h, channels;
  // bilinear sample of one channel at uv in 0..1, through a 256-entry table
  void sample(float u, float v, const float *lut, float *out) const {
    float x = u * w - .5f, y = v * h - .5f;
    int xi = (int)std::floor(x), yi = (int)std::floor(y);
    float fx = x - xi, fy = y - yi;
    int x0 = std::clamp(xi, 0, w - 1), x1 = std::clamp(xi + 1, 0, w - 1);
    int y0 = std::clamp(yi, 0, h - 1), y1 = std::clamp(yi + 1, 0, h - 1);
    for (int k = 0; k < channels; k++) {
      auto at = [&](int X, int Y) { return lut[data[channels * ((size_t)Y * w + X) + k]]; };
      out[k] = (1 - fy) * ((1 - fx) * at(x0, y0) + fx * at(x1, y0)) + fy * ((1 - fx) * at(x0, y1) + fx * at(x1, y1));
    }
  }
};

// bilinear sample of channel c of a square 4-channel float image
inline float bilinear4(const float *im, int w, int c, float x, float y) {
  int X = std::clamp((int)x, 0, w - 2), Y = std::clamp((int)y, 0, w - 2);
  float u = clamp01(x - X), v = clamp01(y - Y);
  const float *p = im + 4 * (Y * w + X) + c;
  return (1 - v) * ((1 - u) * p[0] + u * p[4]) + v * ((1 - u) * p[4 * w] + u * p[4 * w + 4]);
}

inline float depthAt(const float *zb, int res, int x, int y) {
  return (x < 0 || y < 0 || x >= res || y >= res) ? 0.f : zb[y * res + x];
}

}  // namespace

extern "C" {

// One light and the camera, as render.py packs them. kd, kc: direction and colour of the key light; sky, ground: the
// environment's gradient; lobe: up to 8 of (direction 3, sharpness, colour 3); dist: camera distance in metres.
struct Lighting {
  float kd[3], kc[3], sky[3], ground[3];
  int lobes;
  float lobe[8][7];
  float dist, exposure;
};

// Triangles with a depth buffer. v: nv x (x, y, 1/z). cull: 1 drops triangles that face away. id may be null (depth only);
// else id gets the triangle and bary the first two perspective-correct barycentric coordinates.
void raster(const float *v, const int32_t *tri, int nt, int W, int H, int cull, float *zb, int32_t *id, float *bary) {
  for (int t = 0; t < nt; t++) {
    const float *a = v + 3 * tri[3 * t], *b = v + 3 * tri[3 * t + 1], *c = v + 3 * tri[3 * t + 2];
    if (a[2] <= 0 || b[2] <= 0 || c[2] <= 0) continue;
    float area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    if (area == 0 || (cull == 1 && area > 0)) continue;
    int x0 = std::max(0, (int)std::ceil(std::min({a[0], b[0], c[0]}) - .5f));
    int x1 = std::min(W - 1, (int)std::floor(std::max({a[0], b[0], c[0]}) - .5f));
    int y0 = std::max(0, (int)std::ceil(std::min({a[1], b[1], c[1]}) - .5f));
    int y1 = std::min(H - 1, (int)std::floor(std::max({a[1], b[1], c[1]}) - .5f));
    if (x0 > x1 || y0 > y1) continue;
    float inv = 1.f / area;
    float e0x = -(c[1] - b[1]) * inv, e0y = (c[0] - b[0]) * inv, e1x = -(a[1] - c[1]) * inv, e1y = (a[0] - c[0]) * inv;
    for (int y = y0; y <= y1; y++) {
      float py = y + .5f;
      for (int x = x0; x <= x1; x++) {
        float px = x + .5f;
        float l0 = (px - b[0]) * e0x + (py - b[1]) * e0y, l1 = (px - c[0]) * e1x + (py - c[1]) * e1y, l2 = 1.f - l0 - l1;
        if (l0 < 0 || l1 < 0 || l2 < 0) continue;
        float iz = l0 * a[2] + l1 * b[2] + l2 * c[2];
        int p = y * W + x;
        if (iz <= zb[p]) continue;
        zb[p] = iz;
        if (id) {
          id[p] = t;
          bary[2 * p] = l0 * a[2] / iz;
          bary[2 * p + 1] = l1 * b[2] / iz;
        }
      }
    }
  }
}

// Gathers K vertex attributes for the np covered pixels listed in pix.
void interpolate(const int32_t *pix, int np, const int32_t *id, const float *bary, const int32_t *tri, const float *attr,
                 int K, float *out) {
  for (int i = 0; i < np; i++) {
    int p = pix[i], t = id[p];
    float l0 = bary[2 * p], l1 = bary[2 * p + 1], l2 = 1 - l0 - l1;
    const float *a = attr + (size_t)K * tri[3 * t], *b = attr + (size_t)K * tri[3 * t + 1];
    const float *c = attr + (size_t)K * tri[3 * t + 2];
    for (int k = 0; k < K; k++) out[(size_t)K * i + k] = l0 * a[k] + l1 * b[k] + l2 * c[k];
  }
}

// Area-weighted vertex normals of unit length.
void normals(const float *v, int nv, const int32_t *tri, int nt, float *n) {
  std::fill(n, n + 3 * nv, 0.f);
  for (int t = 0; t < nt; t++) {
    const int32_t *q = tri + 3 * t;
    const float *a = v + 3 * q[0], *b = v + 3 * q[1], *c = v + 3 * q[2];
    float u[3], w[3];
    for (int k = 0; k < 3; k++) { u[k] = b[k] - a[k]; w[k] = c[k] - a[k]; }
    float x[3] = {u[1] * w[2] - u[2] * w[1], u[2] * w[0] - u[0] * w[2], u[0] * w[1] - u[1] * w[0]};
    for (int j = 0; j < 3; j++)
      for (int k = 0; k < 3; k++) n[3 * q[j] + k] += x[k];
  }
  for (int i = 0; i < nv; i++) {
    float *m = n + 3 * i, l = std::sqrt(sq(m[0]) + sq(m[1]) + sq(m[2])) + 1e-20f;
    for (int k = 0; k < 3; k++) m[k] /= l;
  }
}

// Precomputed radiance transfer (Sloan et al. 2002): for nd directions with bases B (rows u, w, d) and SH values sh, a
// depth map of the occluders tells which vertices see the direction. T: n x 9 cosine-weighted visibility in SH,
// A: n cosine-weighted visibility (ambient occlusion). zb: res*res scratch, q: n*3 scratch. c, R: bounding sphere.
void transfer(const float *v, const float *nr, int n, const int32_t *tri, int nt, int nd, const float *B, const float *sh,
              const float *c, float R, int res, float *zb, float *q, float *T, float *A) {
  std::fill(T, T + 9 * n, 0.f);
  std::fill(A, A + n, 0.f);
  float sc = res * .5f / R, bias = 2.6f * R / res;
  for (int d = 0; d < nd; d++) {
    const float *b = B + 9 * d;
    std::fill(zb, zb + res * res, 0.f);
    for (int i = 0; i < n; i++) {
      float p[3] = {v[3 * i] - c[0], v[3 * i + 1] - c[1], v[3 * i + 2] - c[2]};
      q[3 * i] = (b[0] * p[0] + b[1] * p[1] + b[2] * p[2]) * sc + res * .5f;
      q[3 * i + 1] = -(b[3] * p[0] + b[4] * p[1] + b[5] * p[2]) * sc + res * .5f;
      q[3 * i + 2] = b[6] * p[0] + b[7] * p[1] + b[8] * p[2] + 2 * R;
    }
    raster(q, tri, nt, res, res, 0, zb, nullptr, nullptr);
    for (int i = 0; i < n; i++) {
      const float *m = nr + 3 * i;
      float cosine = b[6] * m[0] + b[7] * m[1] + b[8] * m[2];
      if (cosine <= 0) continue;
      float x = q[3 * i] + b[0] * m[0] + b[1] * m[1] + b[2] * m[2] - .5f;
      float y = q[3 * i + 1] - (b[3] * m[0] + b[4] * m[1] + b[5] * m[2]) - .5f;
      float depth = q[3 * i + 2] + bias, seen = 0;
      int xi = (int)std::floor(x), yi = (int)std::floor(y);
      float fx = x - xi, fy = y - yi;
      for (int dy = 0; dy < 2; dy++)
        for (int dx = 0; dx < 2; dx++)
          seen += (dx ? fx : 1 - fx) * (dy ? fy : 1 - fy) * (depth >= depthAt(zb, res, xi + dx, yi + dy) ? 1.f : 0.f);
      float w = seen * cosine;
      A[i] += w;
      for (int k = 0; k < 9; k++) T[9 * i + k] += w * sh[9 * d + k];
    }
  }
}

// First shading pass. o: N rows of 16 interpolated attributes: uv 2, normal 3, irradiance 3, occlusion 1, shadow-map
// position 3, camera-space position 3, material 1; irradiance is adjusted in place for the mouth. rot: head-to-camera
// rotation, rows. shadow: depth map of the key light (res x res). g: N rows of albedo 3, face mask 1, camera-space
// normal 3, key visibility 1. logLum: W*W image of log luminance for the bump map.
void surface(const int32_t *pix, int N, float *o, const float *rot, const uint8_t *tex, int texSize, const float *lut,
             const uint8_t *mask, int maskSize, const float *linear, const float *shadow, int res, float bias, float radius,
             float *g, float *logLum) {
  const Texture skin{tex, texSize, texSize, 3}, oval{mask, maskSize, maskSize, 1};
  for (int i = 0; i < N; i++) {
    float *a = o + 16 * i, *w = g + 8 * i, al[3];
    const int mat = (int)(a[15] + .5f);
    skin.sample(a[0], a[1], lut, al);
    const float lum = .2126f * al[0] + .7152f * al[1] + .0722f * al[2], ao = a[8];
    if (mat == EYE) {  // wet, slightly grey sclera, darker under the lids
      const float c[3] = {.45f, .41f, .39f};
      float d = std::min(1.f, .10f + 1.15f * ao);
      for (int k = 0; k < 3; k++) al[k] = (al[k] * .5f + lum * c[k]) * d * .70f;
    } else if (mat == CAVITY) {
      al[0] = .24f, al[1] = .055f, al[2] = .045f;
      for (int k = 0; k < 3; k++) a[5 + k] += .16f;
    } else if (mat == TEETH) {  // teeth, and the tongue where the texture is dark
      const float c[3] = {.60f, .56f, .50f}, tongue[3] = {.26f, .06f, .05f};
      float d = .72f * clamp01(.04f + ao * 2.0f), t = clamp01((.06f - lum) * 20);
      for (int k = 0; k < 3; k++) {
        al[k] = (al[k] * .4f + lum * c[k]) * d + t * tongue[k] * (.55f + ao);
        a[5 + k] += t * .28f;
      }
    } else if (mat == SKIN && ao < .25f && lum < .03f) {  // inner lips
      float t = std::min(1.f, (.25f - ao) * 8);
      const float c[3] = {.30f, .075f, .065f};
      for (int k = 0; k < 3; k++) { al[k] += t * c[k]; a[5 + k] += t * .10f; }
    }
    float m = 1;
    if (mat == SKIN) oval.sample(a[0], a[1], linear, &m);
    float l = 1.f / std::sqrt(sq(a[2]) + sq(a[3]) + sq(a[4]) + 1e-12f);
    for (int k = 0; k < 3; k++) w[4 + k] = (rot[3 * k] * a[2] + rot[3 * k + 1] * a[3] + rot[3 * k + 2] * a[4]) * l;
    float depth = a[11] + bias, seen = 0, total = 0;  // wide tent filter: the key light has an extent
    for (int b = -3; b <= 3; b++)
      for (int c = -3; c <= 3; c++) {
        float ww = (4 - std::abs(b)) * (4 - std::abs(c));
        float z = depthAt(shadow, res, (int)std::floor(a[9] + b * radius / 3.f), (int)std::floor(a[10] + c * radius / 3.f));
        seen += ww * (depth >= z ? 1.f : 0.f);
        total += ww;
      }
    w[7] = seen / total;
    w[0] = al[0], w[1] = al[1], w[2] = al[2], w[3] = m;
    logLum[pix[i]] = mat == SKIN ? std::log(lum + .02f) : 0.f;
  }
}

// Second pass: bends the normals by the high-passed log luminance and writes the irradiance image E4 (rgb, skin weight).
void irradiance(const int32_t *pix, int N, const float *o, float *g, const float *hp, int W, const Lighting *light, float *E4) {
  const float wrap[3] = {.18f, .07f, .03f};  // red light wraps farther around: a cheap diffusion profile
  for (int i = 0; i < N; i++) {
    const float *a = o + 16 * i;
    float *w = g + 8 * i, *n = w + 4;
    const int mat = (int)(a[15] + .5f), p = pix[i], x = p % W, y = p / W;
    if (mat == SKIN && x > 0 && y > 0 && x < W - 1 && y < W - 1) {
      float gx = (hp[p + 1 - W] - hp[p - 1 - W] + 2 * (hp[p + 1] - hp[p - 1]) + hp[p + 1 + W] - hp[p - 1 + W]) * .125f;
      float gy = (hp[p + W - 1] - hp[p - W - 1] + 2 * (hp[p + W] - hp[p - W]) + hp[p + W + 1] - hp[p - W + 1]) * .125f;
      float e = clamp01((n[2] - .15f) * 3);
      n[0] -= 1.1f * std::clamp(gx, -.3f, .3f) * e;
      n[1] += 1.1f * std::clamp(gy, -.3f, .3f) * e;
      float l = 1.f / std::sqrt(sq(n[0]) + sq(n[1]) + sq(n[2]));
      for (int k = 0; k < 3; k++) n[k] *= l;
    }
    float cosine = n[0] * light->kd[0] + n[1] * light->kd[1] + n[2] * light->kd[2], *e = E4 + 4 * p;
    for (int k = 0; k < 3; k++) e[k] = a[5 + k] + clamp01((cosine + wrap[k]) / (1 + wrap[k])) * w[7] * light->kc[k] * .5f;
    e[3] = mat == SKIN ? 1.f : 0.f;  // eyes and teeth keep their own irradiance and stay out of the blur
  }
}

// Third pass: subsurface scattering by three blurs of the irradiance (premultiplied; full, half and quarter size), two
// specular lobes, environment reflection; sRGB and face mask into img4.
void shade(const int32_t *pix, int N, const float *o, const float *g, const float *hp, const float *E4, const float *B1,
           const float *B2, const float *B3, int W, const Lighting *light, float *img4) {
  const float weight[3][3] = {{.45f, .20f, .35f}, {.65f, .30f, .05f}, {.80f, .20f, 0.f}};
  for (int i = 0; i < N; i++) {
    const float *a = o + 16 * i, *w = g + 8 * i, *n = w + 4;
    const int mat = (int)(a[15] + .5f), p = pix[i], x = p % W, y = p / W;
    float E[3];
    if (mat == SKIN) {
      const float *b1 = B1 + 4 * p;
      float x2 = (x + .5f) * .5f - .5f, y2 = (y + .5f) * .5f - .5f, x3 = (x + .5f) * .25f - .5f, y3 = (y + .5f) * .25f - .5f;
      float i1 = 1 / (b1[3] + 1e-3f), i2 = 1 / (bilinear4(B2, W / 2, 3, x2, y2) + 1e-3f);
      float i3 = 1 / (bilinear4(B3, W / 4, 3, x3, y3) + 1e-3f);
      for (int k = 0; k < 3; k++)
        E[k] = weight[k][0] * b1[k] * i1 + weight[k][1] * bilinear4(B2, W / 2, k, x2, y2) * i2 +
               weight[k][2] * bilinear4(B3, W / 4, k, x3, y3) * i3;
    } else {
      for (int k = 0; k < 3; k++) E[k] = E4[4 * p + k];
    }
    float v[3] = {-a[12], -a[13], light->dist - a[14]}, h[3], l = 1.f / std::sqrt(sq(v[0]) + sq(v[1]) + sq(v[2]));
    for (int k = 0; k < 3; k++) v[k] *= l;
    l = 0;
    for (int k = 0; k < 3; k++) { h[k] = light->kd[k] + v[k]; l += sq(h[k]); }
    l = 1.f / std::sqrt(l + 1e-9f);
    float nh = 0, nv = 0, lh = 0, nl = 0;
    for (int k = 0; k < 3; k++) {
      h[k] *= l;
      nh += n[k] * h[k], nv += n[k] * v[k], lh += h[k] * light->kd[k], nl += n[k] * light->kd[k];
    }
    float facing = std::min(1.f, std::max(.05f, nv));
    nh = clamp01(nh), lh = std::max(.1f, lh), nl = clamp01(nl);
    auto ggx = [&](float r) { float a2 = r * r, d = nh * nh * (a2 - 1) + 1; return a2 / (3.14159f * d * d); };
    float D = mat == EYE ? ggx(.10f) : mat == TEETH ? ggx(.12f) : .75f * ggx(.30f) + .25f * ggx(.16f);
    float gain = mat == EYE ? 1.6f : mat == TEETH ? .5f : .55f;
    float key = D * (.028f + .972f * fifth(1 - lh)) * nl / (4 * lh * lh * std::sqrt(std::max(facing, .25f))) * w[7] * gain;
    float r[3], env[3];
    for (int k = 0; k < 3; k++) r[k] = 2 * nv * n[k] - v[k];
    float t = r[1] * .5f + .5f;
    for (int k = 0; k < 3; k++) env[k] = light->ground[k] * (1 - t) + light->sky[k] * t;
    for (int j = 0; j < light->lobes; j++) {
      const float *b = light->lobe[j];
      float s = std::exp((mat == EYE ? 14.f : 1.f) * b[3] * (r[0] * b[0] + r[1] * b[1] + r[2] * b[2] - 1)) * (mat == EYE ? 1.2f : 1.f);
      for (int k = 0; k < 3; k++) env[k] += s * b[4 + k];
    }
    float fresnel = .028f + (mat == SKIN ? .20f : .30f) * fifth(1 - facing);
    float reflect = fresnel * std::pow(clamp01(a[8]), 1.2f) * (mat == EYE ? .8f : mat == TEETH ? .5f : .55f);
    float pores = mat == SKIN ? std::clamp(1 + 2.2f * hp[p], .45f, 1.6f) : 1.f;
    float *c = img4 + 4 * p;
    for (int k = 0; k < 3; k++) {
      float z = (w[k] * E[k] + (key * light->kc[k] + env[k] * reflect) * pores) * light->exposure;
      if (z > .7f) z = .7f + .3f * std::tanh((z - .7f) / .6f);  // soft shoulder in place of clipping
      c[k] = z <= .0031308f ? 12.92f * z : 1.055f * std::pow(z, 1 / 2.4f) - .055f;
    }
    c[3] = w[3];
  }
}

}  // extern "C"
