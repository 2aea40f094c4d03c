"""asv: the objective's kernels, timed, and as ratios to PyTorch and JAX where installed."""

import precisekit as pk
from bench import peers


def sizes_of(network):
    return tuple(map(int, network.split("-")))


class Objective:
    params = [["1-20-20-1", "1-40-40-1"], [1_000, 10_000]]
    param_names = ["network", "n"]

    def setup(self, network, n):
        sizes = sizes_of(network)
        self.theta, X, y = peers.data(sizes, n)
        self.objective = pk.LeastSquares(pk.MLP(sizes), X, y)
        pk.set_num_threads(1)

    def time_loss_and_gradient(self, network, n):
        self.objective.fun_and_jac(self.theta)

    def time_residual_jacobian(self, network, n):
        self.objective.residual_jac(self.theta)

    def time_hessian(self, network, n):
        self.objective.hess(self.theta)


class PeerRatios:
    """How many times faster than the best peer, in one run on one thread."""

    params = [["1-20-20-1", "1-40-40-1"], [1_000, 10_000]]
    param_names = ["network", "n"]
    timeout = 600

    def setup(self, network, n):
        self.peers = peers.installed_peers()
        if not self.peers:
            raise NotImplementedError("no peer is installed")
        pk.set_num_threads(1)

    def track_gradient(self, network, n):
        return self.ratio("gradient", network, n)

    def track_hessian(self, network, n):
        return self.ratio("hessian", network, n)

    def ratio(self, kind, network, n):
        able = [peers.Precisekit(), *(p for p in self.peers if getattr(p, kind))]
        functions = [getattr(p, kind)(sizes_of(network), n) for p in able]
        ours, *theirs = peers.best_seconds(functions, 0.3)
        return min(theirs) / ours


class TaylorLm:
    def setup(self):
        q = pk.datasets.feynman("I.11.19")
        U = pk.sample_box([-1.0] * 6, [1.0] * 6, 4000)
        y = q(3.0 + 2.0 * U)
        self.net = pk.MLP([6, 20, 20, 1])
        self.objective = pk.LeastSquares(self.net, U, y / (y**2).mean() ** 0.5)
        pk.set_num_threads(1)

    def time_ten_iterations(self):
        pk.minimize(self.objective, self.net.init(0), maxiter=10)


class Descent:
    """A hundred iterations of the methods that need little but gradients."""

    params = ["bfgs", "ssbfgs", "l-bfgs", "adam"]
    param_names = ["method"]

    def setup(self, method):
        sizes = (1, 20, 20, 1)
        self.theta, X, y = peers.data(sizes, 1_000)
        self.objective = pk.LeastSquares(pk.MLP(sizes), X, y)
        pk.set_num_threads(1)

    def time_hundred_iterations(self, method):
        pk.minimize(self.objective, self.theta, method, maxiter=100)
