/* The 30 kernels of PolyBench in C: the loops of perf/kernels/polybench/NAME.py, statement by statement, in the order that
 * they are written in. One kernel is compiled at a time, with -DNAME, and with its problem size as constants -DS0=… -DS1=…
 * in the order of the Python file's SIZES: arrays of known extents, `restrict`, 32-bit counters, which is all the help that
 * the suite itself gives a C compiler. The arguments are the Python function's, arrays as pointers. */
#include <math.h>
#include <stdint.h>

#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define MIN(a, b) ((a) < (b) ? (a) : (b))

#ifdef adi
#define T S0
#define N S1
void kernel(int64_t tsteps, double u[restrict N][N], double v[restrict N][N], double p[restrict N][N],
            double q[restrict N][N]) {
    double dx = 1.0 / N, dy = 1.0 / N, dt = 1.0 / (double)tsteps;
    double mul1 = 2.0 * dt / (dx * dx), mul2 = 1.0 * dt / (dy * dy);
    double a = -mul1 / 2.0, b = 1.0 + mul1, c = a, d = -mul2 / 2.0, e = 1.0 + mul2, f = d;
    for (int t = 1; t <= T; t++) {
        for (int i = 1; i < N - 1; i++) {
            v[0][i] = 1.0;
            p[i][0] = 0.0;
            q[i][0] = v[0][i];
            for (int j = 1; j < N - 1; j++) {
                p[i][j] = -c / (a * p[i][j - 1] + b);
                q[i][j] = (-d * u[j][i - 1] + (1.0 + 2.0 * d) * u[j][i] - f * u[j][i + 1] - a * q[i][j - 1]) /
                          (a * p[i][j - 1] + b);
            }
            v[N - 1][i] = 1.0;
            for (int j = N - 2; j > 0; j--)
                v[j][i] = p[i][j] * v[j + 1][i] + q[i][j];
        }
        for (int i = 1; i < N - 1; i++) {
            u[i][0] = 1.0;
            p[i][0] = 0.0;
            q[i][0] = u[i][0];
            for (int j = 1; j < N - 1; j++) {
                p[i][j] = -f / (d * p[i][j - 1] + e);
                q[i][j] = (-a * v[i - 1][j] + (1.0 + 2.0 * a) * v[i][j] - c * v[i + 1][j] - d * q[i][j - 1]) /
                          (d * p[i][j - 1] + e);
            }
            u[i][N - 1] = 1.0;
            for (int j = N - 2; j > 0; j--)
                u[i][j] = p[i][j] * u[i][j + 1] + q[i][j];
        }
    }
}
#endif

#ifdef atax
#define M S0
#define N S1
void kernel(double a[restrict M][N], double x[restrict N], double y[restrict N], double tmp[restrict M]) {
    for (int i = 0; i < N; i++)
        y[i] = 0.0;
    for (int i = 0; i < M; i++) {
        tmp[i] = 0.0;
        for (int j = 0; j < N; j++)
            tmp[i] = tmp[i] + a[i][j] * x[j];
        for (int j = 0; j < N; j++)
            y[j] = y[j] + a[i][j] * tmp[i];
    }
}
#endif

#ifdef bicg
#define M S0
#define N S1
void kernel(double a[restrict N][M], double s[restrict M], double q[restrict N], double p[restrict M],
            double r[restrict N]) {
    for (int i = 0; i < M; i++)
        s[i] = 0.0;
    for (int i = 0; i < N; i++) {
        q[i] = 0.0;
        for (int j = 0; j < M; j++) {
            s[j] = s[j] + r[i] * a[i][j];
            q[i] = q[i] + a[i][j] * p[j];
        }
    }
}
#endif

#ifdef cholesky
#define N S0
void kernel(double a[restrict N][N]) {
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++)
                a[i][j] -= a[i][k] * a[j][k];
            a[i][j] /= a[j][j];
        }
        for (int k = 0; k < i; k++)
            a[i][i] -= a[i][k] * a[i][k];
        a[i][i] = sqrt(a[i][i]);
    }
}
#endif

#ifdef correlation
#define M S0
#define N S1
void kernel(double data[restrict N][M], double corr[restrict M][M], double mean[restrict M],
            double stddev[restrict M]) {
    for (int j = 0; j < M; j++) {
        mean[j] = 0.0;
        for (int i = 0; i < N; i++)
            mean[j] += data[i][j];
        mean[j] /= N;
    }
    for (int j = 0; j < M; j++) {
        stddev[j] = 0.0;
        for (int i = 0; i < N; i++)
            stddev[j] += (data[i][j] - mean[j]) * (data[i][j] - mean[j]);
        stddev[j] = sqrt(stddev[j] / N);
        if (stddev[j] <= 0.1)
            stddev[j] = 1.0;
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < M; j++) {
            data[i][j] -= mean[j];
            data[i][j] /= sqrt((double)N) * stddev[j];
        }
    for (int i = 0; i < M - 1; i++) {
        corr[i][i] = 1.0;
        for (int j = i + 1; j < M; j++) {
            corr[i][j] = 0.0;
            for (int k = 0; k < N; k++)
                corr[i][j] += data[k][i] * data[k][j];
            corr[j][i] = corr[i][j];
        }
    }
    corr[M - 1][M - 1] = 1.0;
}
#endif

#ifdef covariance
#define M S0
#define N S1
void kernel(double data[restrict N][M], double cov[restrict M][M], double mean[restrict M]) {
    for (int j = 0; j < M; j++) {
        mean[j] = 0.0;
        for (int i = 0; i < N; i++)
            mean[j] += data[i][j];
        mean[j] /= N;
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < M; j++)
            data[i][j] -= mean[j];
    for (int i = 0; i < M; i++)
        for (int j = i; j < M; j++) {
            cov[i][j] = 0.0;
            for (int k = 0; k < N; k++)
                cov[i][j] += data[k][i] * data[k][j];
            cov[i][j] /= N - 1.0;
            cov[j][i] = cov[i][j];
        }
}
#endif

#ifdef deriche
#define W S0
#define H S1
void kernel(double alpha, double img_in[restrict W][H], double img_out[restrict W][H], double y1[restrict W][H],
            double y2[restrict W][H]) {
    double k = (1.0 - exp(-alpha)) * (1.0 - exp(-alpha)) / (1.0 + 2.0 * alpha * exp(-alpha) - exp(2.0 * alpha));
    double a1 = k, a5 = k, a2 = k * exp(-alpha) * (alpha - 1.0), a6 = a2;
    double a3 = k * exp(-alpha) * (alpha + 1.0), a7 = a3, a4 = -k * exp(-2.0 * alpha), a8 = a4;
    double b1 = pow(2.0, -alpha), b2 = -exp(-2.0 * alpha);
    for (int i = 0; i < W; i++) {
        double ym1 = 0.0, ym2 = 0.0, xm1 = 0.0;
        for (int j = 0; j < H; j++) {
            y1[i][j] = a1 * img_in[i][j] + a2 * xm1 + b1 * ym1 + b2 * ym2;
            xm1 = img_in[i][j];
            ym2 = ym1;
            ym1 = y1[i][j];
        }
    }
    for (int i = 0; i < W; i++) {
        double yp1 = 0.0, yp2 = 0.0, xp1 = 0.0, xp2 = 0.0;
        for (int j = H - 1; j >= 0; j--) {
            y2[i][j] = a3 * xp1 + a4 * xp2 + b1 * yp1 + b2 * yp2;
            xp2 = xp1;
            xp1 = img_in[i][j];
            yp2 = yp1;
            yp1 = y2[i][j];
        }
    }
    for (int i = 0; i < W; i++)
        for (int j = 0; j < H; j++)
            img_out[i][j] = y1[i][j] + y2[i][j];
    for (int j = 0; j < H; j++) {
        double tm1 = 0.0, ym1 = 0.0, ym2 = 0.0;
        for (int i = 0; i < W; i++) {
            y1[i][j] = a5 * img_out[i][j] + a6 * tm1 + b1 * ym1 + b2 * ym2;
            tm1 = img_out[i][j];
            ym2 = ym1;
            ym1 = y1[i][j];
        }
    }
    for (int j = 0; j < H; j++) {
        double tp1 = 0.0, tp2 = 0.0, yp1 = 0.0, yp2 = 0.0;
        for (int i = W - 1; i >= 0; i--) {
            y2[i][j] = a7 * tp1 + a8 * tp2 + b1 * yp1 + b2 * yp2;
            tp2 = tp1;
            tp1 = img_out[i][j];
            yp2 = yp1;
            yp1 = y2[i][j];
        }
    }
    for (int i = 0; i < W; i++)
        for (int j = 0; j < H; j++)
            img_out[i][j] = y1[i][j] + y2[i][j];
}
#endif

#ifdef doitgen
#define Q S0
#define R S1
#define P S2
void kernel(double a[restrict R][Q][P], double c4[restrict P][P], double acc[restrict P]) {
    for (int r = 0; r < R; r++)
        for (int q = 0; q < Q; q++) {
            for (int p = 0; p < P; p++) {
                acc[p] = 0.0;
                for (int s = 0; s < P; s++)
                    acc[p] += a[r][q][s] * c4[s][p];
            }
            for (int p = 0; p < P; p++)
                a[r][q][p] = acc[p];
        }
}
#endif

#ifdef durbin
#define N S0
void kernel(double r[restrict N], double y[restrict N], double z[restrict N]) {
    y[0] = -r[0];
    double beta = 1.0, alpha = -r[0];
    for (int k = 1; k < N; k++) {
        beta = (1.0 - alpha * alpha) * beta;
        double total = 0.0;
        for (int i = 0; i < k; i++)
            total += r[k - i - 1] * y[i];
        alpha = -(r[k] + total) / beta;
        for (int i = 0; i < k; i++)
            z[i] = y[i] + alpha * y[k - i - 1];
        for (int i = 0; i < k; i++)
            y[i] = z[i];
        y[k] = alpha;
    }
}
#endif

#ifdef fdtd_2d
#define T S0
#define X S1
#define Y S2
void kernel(double ex[restrict X][Y], double ey[restrict X][Y], double hz[restrict X][Y], double fict[restrict T]) {
    for (int t = 0; t < T; t++) {
        for (int j = 0; j < Y; j++)
            ey[0][j] = fict[t];
        for (int i = 1; i < X; i++)
            for (int j = 0; j < Y; j++)
                ey[i][j] = ey[i][j] - 0.5 * (hz[i][j] - hz[i - 1][j]);
        for (int i = 0; i < X; i++)
            for (int j = 1; j < Y; j++)
                ex[i][j] = ex[i][j] - 0.5 * (hz[i][j] - hz[i][j - 1]);
        for (int i = 0; i < X - 1; i++)
            for (int j = 0; j < Y - 1; j++)
                hz[i][j] = hz[i][j] - 0.7 * (ex[i][j + 1] - ex[i][j] + ey[i + 1][j] - ey[i][j]);
    }
}
#endif

#ifdef floyd_warshall
#define N S0
void kernel(int64_t path[restrict N][N]) {
    for (int k = 0; k < N; k++)
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++)
                path[i][j] = MIN(path[i][j], path[i][k] + path[k][j]);
}
#endif

#ifdef gemm
#define NI S0
#define NJ S1
#define NK S2
void kernel(double alpha, double beta, double c[restrict NI][NJ], double a[restrict NI][NK],
            double b[restrict NK][NJ]) {
    for (int i = 0; i < NI; i++) {
        for (int j = 0; j < NJ; j++)
            c[i][j] *= beta;
        for (int k = 0; k < NK; k++)
            for (int j = 0; j < NJ; j++)
                c[i][j] += alpha * a[i][k] * b[k][j];
    }
}
#endif

#ifdef gemver
#define N S0
void kernel(double alpha, double beta, double a[restrict N][N], double u1[restrict N], double v1[restrict N],
            double u2[restrict N], double v2[restrict N], double w[restrict N], double x[restrict N],
            double y[restrict N], double z[restrict N]) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            a[i][j] = a[i][j] + u1[i] * v1[j] + u2[i] * v2[j];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            x[i] = x[i] + beta * a[j][i] * y[j];
    for (int i = 0; i < N; i++)
        x[i] = x[i] + z[i];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            w[i] = w[i] + alpha * a[i][j] * x[j];
}
#endif

#ifdef gesummv
#define N S0
void kernel(double alpha, double beta, double a[restrict N][N], double b[restrict N][N], double tmp[restrict N],
            double x[restrict N], double y[restrict N]) {
    for (int i = 0; i < N; i++) {
        tmp[i] = 0.0;
        y[i] = 0.0;
        for (int j = 0; j < N; j++) {
            tmp[i] = a[i][j] * x[j] + tmp[i];
            y[i] = b[i][j] * x[j] + y[i];
        }
        y[i] = alpha * tmp[i] + beta * y[i];
    }
}
#endif

#ifdef gramschmidt
#define M S0
#define N S1
void kernel(double a[restrict M][N], double r[restrict N][N], double q[restrict M][N]) {
    for (int k = 0; k < N; k++) {
        double nrm = 0.0;
        for (int i = 0; i < M; i++)
            nrm += a[i][k] * a[i][k];
        r[k][k] = sqrt(nrm);
        for (int i = 0; i < M; i++)
            q[i][k] = a[i][k] / r[k][k];
        for (int j = k + 1; j < N; j++) {
            r[k][j] = 0.0;
            for (int i = 0; i < M; i++)
                r[k][j] += q[i][k] * a[i][j];
            for (int i = 0; i < M; i++)
                a[i][j] = a[i][j] - q[i][k] * r[k][j];
        }
    }
}
#endif

#ifdef heat_3d
#define T S0
#define N S1
void kernel(int64_t tsteps, double a[restrict N][N][N], double b[restrict N][N][N]) {
    (void)tsteps;
    for (int t = 1; t <= T; t++) {
        for (int i = 1; i < N - 1; i++)
            for (int j = 1; j < N - 1; j++)
                for (int k = 1; k < N - 1; k++)
                    b[i][j][k] = 0.125 * (a[i + 1][j][k] - 2.0 * a[i][j][k] + a[i - 1][j][k]) +
                                 0.125 * (a[i][j + 1][k] - 2.0 * a[i][j][k] + a[i][j - 1][k]) +
                                 0.125 * (a[i][j][k + 1] - 2.0 * a[i][j][k] + a[i][j][k - 1]) + a[i][j][k];
        for (int i = 1; i < N - 1; i++)
            for (int j = 1; j < N - 1; j++)
                for (int k = 1; k < N - 1; k++)
                    a[i][j][k] = 0.125 * (b[i + 1][j][k] - 2.0 * b[i][j][k] + b[i - 1][j][k]) +
                                 0.125 * (b[i][j + 1][k] - 2.0 * b[i][j][k] + b[i][j - 1][k]) +
                                 0.125 * (b[i][j][k + 1] - 2.0 * b[i][j][k] + b[i][j][k - 1]) + b[i][j][k];
    }
}
#endif

#ifdef jacobi_1d
#define T S0
#define N S1
void kernel(int64_t tsteps, double a[restrict N], double b[restrict N]) {
    (void)tsteps;
    for (int t = 0; t < T; t++) {
        for (int i = 1; i < N - 1; i++)
            b[i] = 0.33333 * (a[i - 1] + a[i] + a[i + 1]);
        for (int i = 1; i < N - 1; i++)
            a[i] = 0.33333 * (b[i - 1] + b[i] + b[i + 1]);
    }
}
#endif

#ifdef jacobi_2d
#define T S0
#define N S1
void kernel(int64_t tsteps, double a[restrict N][N], double b[restrict N][N]) {
    (void)tsteps;
    for (int t = 0; t < T; t++) {
        for (int i = 1; i < N - 1; i++)
            for (int j = 1; j < N - 1; j++)
                b[i][j] = 0.2 * (a[i][j] + a[i][j - 1] + a[i][j + 1] + a[i + 1][j] + a[i - 1][j]);
        for (int i = 1; i < N - 1; i++)
            for (int j = 1; j < N - 1; j++)
                a[i][j] = 0.2 * (b[i][j] + b[i][j - 1] + b[i][j + 1] + b[i + 1][j] + b[i - 1][j]);
    }
}
#endif

#ifdef k2mm
#define NI S0
#define NJ S1
#define NK S2
#define NL S3
void kernel(double alpha, double beta, double tmp[restrict NI][NJ], double a[restrict NI][NK],
            double b[restrict NK][NJ], double c[restrict NJ][NL], double d[restrict NI][NL]) {
    for (int i = 0; i < NI; i++)
        for (int j = 0; j < NJ; j++) {
            tmp[i][j] = 0.0;
            for (int k = 0; k < NK; k++)
                tmp[i][j] += alpha * a[i][k] * b[k][j];
        }
    for (int i = 0; i < NI; i++)
        for (int j = 0; j < NL; j++) {
            d[i][j] *= beta;
            for (int k = 0; k < NJ; k++)
                d[i][j] += tmp[i][k] * c[k][j];
        }
}
#endif

#ifdef k3mm
#define NI S0
#define NJ S1
#define NK S2
#define NL S3
#define NM S4
void kernel(double e[restrict NI][NJ], double a[restrict NI][NK], double b[restrict NK][NJ], double f[restrict NJ][NL],
            double c[restrict NJ][NM], double d[restrict NM][NL], double g[restrict NI][NL]) {
    for (int i = 0; i < NI; i++)
        for (int j = 0; j < NJ; j++) {
            e[i][j] = 0.0;
            for (int k = 0; k < NK; k++)
                e[i][j] += a[i][k] * b[k][j];
        }
    for (int i = 0; i < NJ; i++)
        for (int j = 0; j < NL; j++) {
            f[i][j] = 0.0;
            for (int k = 0; k < NM; k++)
                f[i][j] += c[i][k] * d[k][j];
        }
    for (int i = 0; i < NI; i++)
        for (int j = 0; j < NL; j++) {
            g[i][j] = 0.0;
            for (int k = 0; k < NJ; k++)
                g[i][j] += e[i][k] * f[k][j];
        }
}
#endif

#ifdef lu
#define N S0
void kernel(double a[restrict N][N]) {
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++)
                a[i][j] -= a[i][k] * a[k][j];
            a[i][j] /= a[j][j];
        }
        for (int j = i; j < N; j++)
            for (int k = 0; k < i; k++)
                a[i][j] -= a[i][k] * a[k][j];
    }
}
#endif

#ifdef ludcmp
#define N S0
void kernel(double a[restrict N][N], double b[restrict N], double x[restrict N], double y[restrict N]) {
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < i; j++) {
            double w = a[i][j];
            for (int k = 0; k < j; k++)
                w -= a[i][k] * a[k][j];
            a[i][j] = w / a[j][j];
        }
        for (int j = i; j < N; j++) {
            double w = a[i][j];
            for (int k = 0; k < i; k++)
                w -= a[i][k] * a[k][j];
            a[i][j] = w;
        }
    }
    for (int i = 0; i < N; i++) {
        double w = b[i];
        for (int j = 0; j < i; j++)
            w -= a[i][j] * y[j];
        y[i] = w;
    }
    for (int i = N - 1; i >= 0; i--) {
        double w = y[i];
        for (int j = i + 1; j < N; j++)
            w -= a[i][j] * x[j];
        x[i] = w / a[i][i];
    }
}
#endif

#ifdef mvt
#define N S0
void kernel(double x1[restrict N], double x2[restrict N], double y1[restrict N], double y2[restrict N],
            double a[restrict N][N]) {
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            x1[i] = x1[i] + a[i][j] * y1[j];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            x2[i] = x2[i] + a[j][i] * y2[j];
}
#endif

#ifdef nussinov
#define N S0
void kernel(int64_t seq[restrict N], int64_t table[restrict N][N]) {
    for (int i = N - 1; i >= 0; i--)
        for (int j = i + 1; j < N; j++) {
            if (j - 1 >= 0)
                table[i][j] = MAX(table[i][j], table[i][j - 1]);
            if (i + 1 < N)
                table[i][j] = MAX(table[i][j], table[i + 1][j]);
            if (j - 1 >= 0 && i + 1 < N) {
                if (i < j - 1)
                    table[i][j] = MAX(table[i][j], table[i + 1][j - 1] + (seq[i] + seq[j] == 3 ? 1 : 0));
                else
                    table[i][j] = MAX(table[i][j], table[i + 1][j - 1]);
            }
            for (int k = i + 1; k < j; k++)
                table[i][j] = MAX(table[i][j], table[i][k] + table[k + 1][j]);
        }
}
#endif

#ifdef seidel_2d
#define T S0
#define N S1
void kernel(int64_t tsteps, double a[restrict N][N]) {
    (void)tsteps;
    for (int t = 0; t < T; t++)
        for (int i = 1; i < N - 1; i++)
            for (int j = 1; j < N - 1; j++)
                a[i][j] = (a[i - 1][j - 1] + a[i - 1][j] + a[i - 1][j + 1] + a[i][j - 1] + a[i][j] + a[i][j + 1] +
                           a[i + 1][j - 1] + a[i + 1][j] + a[i + 1][j + 1]) /
                          9.0;
}
#endif

#ifdef symm
#define M S0
#define N S1
void kernel(double alpha, double beta, double c[restrict M][N], double a[restrict M][M], double b[restrict M][N]) {
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double temp2 = 0.0;
            for (int k = 0; k < i; k++) {
                c[k][j] += alpha * b[i][j] * a[i][k];
                temp2 += b[k][j] * a[i][k];
            }
            c[i][j] = beta * c[i][j] + alpha * b[i][j] * a[i][i] + alpha * temp2;
        }
}
#endif

#ifdef syr2k
#define M S0
#define N S1
void kernel(double alpha, double beta, double c[restrict N][N], double a[restrict N][M], double b[restrict N][M]) {
    for (int i = 0; i < N; i++) {
        for (int j = 0; j <= i; j++)
            c[i][j] *= beta;
        for (int k = 0; k < M; k++)
            for (int j = 0; j <= i; j++)
                c[i][j] += a[j][k] * alpha * b[i][k] + b[j][k] * alpha * a[i][k];
    }
}
#endif

#ifdef syrk
#define M S0
#define N S1
void kernel(double alpha, double beta, double c[restrict N][N], double a[restrict N][M]) {
    for (int i = 0; i < N; i++) {
        for (int j = 0; j <= i; j++)
            c[i][j] *= beta;
        for (int k = 0; k < M; k++)
            for (int j = 0; j <= i; j++)
                c[i][j] += alpha * a[i][k] * a[j][k];
    }
}
#endif

#ifdef trisolv
#define N S0
void kernel(double l[restrict N][N], double x[restrict N], double b[restrict N]) {
    for (int i = 0; i < N; i++) {
        x[i] = b[i];
        for (int j = 0; j < i; j++)
            x[i] -= l[i][j] * x[j];
        x[i] = x[i] / l[i][i];
    }
}
#endif

#ifdef trmm
#define M S0
#define N S1
void kernel(double alpha, double a[restrict M][M], double b[restrict M][N]) {
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            for (int k = i + 1; k < M; k++)
                b[i][j] += a[k][i] * b[k][j];
            b[i][j] = alpha * b[i][j];
        }
}
#endif
