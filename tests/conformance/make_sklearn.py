"""Makes the scikit-learn cases: `make_sklearn.py [TEXT]` writes those whose name holds the text into the corpus.

Every estimator that skl2onnx exports, small, with the options of the exporter left alone and, where it wraps scores in
maps, without them too. Forests and boosting are made elsewhere. What the exporter itself cannot export, or exports so
that ONNX Runtime cannot load it, is printed at the end. Left out are `KNNImputer`, whose export is functions with
branches and shapes that depend on where values are missing, and `MultiOutputClassifier`, whose scores are a sequence.
"""

import pathlib
import sys
import warnings

import numpy as np
import sklearn.datasets
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import (
    BooleanTensorType, DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType,
)
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.covariance import EllipticEnvelope
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA, FactorAnalysis, FastICA, IncrementalPCA, KernelPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier, BaggingRegressor, StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor,
)
from sklearn.feature_selection import (
    RFE, RFECV, GenericUnivariateSelect, SelectFdr, SelectFpr, SelectFromModel, SelectFwe, SelectKBest,
    SelectPercentile, VarianceThreshold, f_classif,
)
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor, kernels
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ARDRegression, BayesianRidge, ElasticNet, ElasticNetCV, GammaRegressor, HuberRegressor, Lars, Lasso, LassoCV,
    LassoLars, LinearRegression, LogisticRegression, LogisticRegressionCV, MultiTaskElasticNet, MultiTaskLasso,
    OrthogonalMatchingPursuit, PassiveAggressiveClassifier, PassiveAggressiveRegressor, Perceptron, PoissonRegressor,
    QuantileRegressor, RANSACRegressor, Ridge, RidgeClassifier, RidgeClassifierCV, RidgeCV, SGDClassifier,
    SGDOneClassSVM, SGDRegressor, TheilSenRegressor, TweedieRegressor,
)
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputRegressor, RegressorChain
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import (
    KNeighborsClassifier, KNeighborsRegressor, KNeighborsTransformer, LocalOutlierFactor, NearestCentroid,
    NearestNeighbors, NeighborhoodComponentsAnalysis, RadiusNeighborsClassifier, RadiusNeighborsRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer, FunctionTransformer, KBinsDiscretizer, KernelCenterer, LabelBinarizer, LabelEncoder, MaxAbsScaler,
    MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder, PolynomialFeatures, PowerTransformer, QuantileTransformer,
    RobustScaler, SplineTransformer, StandardScaler, TargetEncoder,
)
from sklearn.random_projection import GaussianRandomProjection
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVC, NuSVR, OneClassSVM

import case

FOLDER = pathlib.Path(__file__).parent / "corpus" / "sklearn"
ONLY = sys.argv[1] if len(sys.argv) > 1 else ""
failures, written = [], []

IRIS = sklearn.datasets.load_iris()
X = IRIS.data[::3].astype(np.float32)
Y = IRIS.target[::3]
WORDS = np.array(["setosa", "versicolor", "virginica"])[Y]
# Two classes that are not told apart by a straight line.
BINARY = (Y == 1).astype(np.int64)
YES = np.where(BINARY == 1, "yes", "no")
RNG = np.random.default_rng(3)
TARGET = (X @ [0.5, -1.0, 2.0, 0.25] + RNG.normal(size=len(X)) * 0.1).astype(np.float32)
TARGETS = np.stack([TARGET, X[:, 0] - X[:, 2]], axis=1)
COUNTS = RNG.poisson(2, size=(60, 5)).astype(np.float32)
COUNTED = (COUNTS[:, 0] + COUNTS[:, 1] > COUNTS[:, 2] + 2).astype(int) + (COUNTS[:, 3] > 3)
# Rows that a model was not fitted on, some of them far away.
ASKED = np.concatenate([X[1::7] + np.float32(0.13), X[:2] * 3, -X[:1]]).astype(np.float32)
FLOATS = [("X", FloatTensorType([None, 4]))]


def save(name, model, questions, types, options=None, rtol=1e-5, atol=1e-6, **more):
    if ONLY not in name:
        return
    try:
        onnx_model = convert_sklearn(model, name, types, options=options, target_opset=18, **more)
        case.write(FOLDER, name, onnx_model, questions, rtol, atol)
        written.append(name)
    except Exception as error:
        failures.append(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:400]}")


def fit(model, *data):
    return model.fit(*data)


def batches(asked):
    return [{"X": asked}, {"X": asked[:1]}]


def classifier(name, model, x=X, y=Y, asked=None, words=None, types=None, zipmap=True, options=None, **more):
    """With numbers as labels and in maps; with words and in a plain table."""
    asked = ASKED if asked is None else asked
    types = types or [("X", FloatTensorType([None, x.shape[1]]))]
    if ONLY not in name and ONLY not in f"{name}_words":
        return
    fitted = fit(model, x, y)
    save(name, fitted, batches(asked), types, {id(fitted): options} if options else None, **more)
    labels = np.array(["setosa", "versicolor", "virginica"])[y] if words is None else words
    fitted = fit(sklearn.base.clone(model), x, labels)
    plain = (options or {}) | ({"zipmap": False} if zipmap else {})
    save(f"{name}_words", fitted, batches(asked), types, {id(fitted): plain} if plain else None, **more)


def binary(name, model, **more):
    classifier(f"{name}_binary", model, y=BINARY, words=YES, **more)


def regressor(name, model, y=TARGET, x=X, asked=None, **more):
    if ONLY not in name:
        return
    asked = ASKED if asked is None else asked
    save(name, fit(model, x, y), batches(asked), [("X", FloatTensorType([None, x.shape[1]]))], **more)


def transformer(name, model, x=X, asked=None, types=None, y=None, **more):
    if ONLY not in name:
        return
    asked = ASKED if asked is None else asked
    types = types or [("X", FloatTensorType([None, x.shape[1]]))]
    fitted = fit(model, *([x] if y is None else [x, y]))
    save(name, fitted, batches(asked), types, **more)


def linear():
    classifier("logistic", LogisticRegression(max_iter=500))
    binary("logistic", LogisticRegression())
    classifier("logistic_cv", LogisticRegressionCV(Cs=2, cv=2, max_iter=500))
    classifier("logistic_raw", LogisticRegression(max_iter=500), options={"raw_scores": True})
    binary("logistic_raw", LogisticRegression(), options={"raw_scores": True})
    for loss in ["hinge", "log_loss", "modified_huber", "squared_error"]:
        model = SGDClassifier(loss=loss, random_state=0)
        classifier(f"sgd_{loss}", model)
        binary(f"sgd_{loss}", model)
    for name, model in [
        ("perceptron", Perceptron(random_state=0)),
        ("passive_aggressive", PassiveAggressiveClassifier(random_state=0)),
        ("ridge_classifier", RidgeClassifier()),
        ("ridge_classifier_cv", RidgeClassifierCV()),
        ("linear_svc", LinearSVC(random_state=0)),
        ("lda", LinearDiscriminantAnalysis()),
        ("qda", QuadraticDiscriminantAnalysis()),
    ]:
        zipmap = name in ("lda", "qda", "perceptron", "passive_aggressive")
        classifier(name, model, zipmap=zipmap)
        binary(name, model, zipmap=zipmap)
    for name, model in {
        "linear": LinearRegression(), "ridge": Ridge(), "ridge_cv": RidgeCV(), "lasso": Lasso(0.1), "lars": Lars(),
        "lasso_cv": LassoCV(cv=2), "lasso_lars": LassoLars(0.1), "elastic_net": ElasticNet(0.1),
        "elastic_net_cv": ElasticNetCV(cv=2), "bayesian_ridge": BayesianRidge(), "ard": ARDRegression(),
        "huber": HuberRegressor(), "omp": OrthogonalMatchingPursuit(), "sgd_regressor": SGDRegressor(random_state=0),
        "passive_aggressive_regressor": PassiveAggressiveRegressor(random_state=0),
        "theil_sen": TheilSenRegressor(random_state=0, max_subpopulation=50), "quantile": QuantileRegressor(alpha=0.1),
        "linear_svr": LinearSVR(random_state=0), "pls": PLSRegression(2),
        "ransac": RANSACRegressor(random_state=0),
    }.items():
        regressor(name, model)
    for name, model in {"poisson": PoissonRegressor(), "gamma": GammaRegressor(), "tweedie": TweedieRegressor(power=1.5),
                        "tweedie_identity": TweedieRegressor(power=0)}.items():
        regressor(name, model, np.abs(TARGET) + 0.1, asked=ASKED[:-3])
    for name, model in {"linear": LinearRegression(), "ridge": Ridge(), "multi_task_lasso": MultiTaskLasso(0.1),
                        "multi_task_elastic_net": MultiTaskElasticNet(0.1), "pls": PLSRegression(2)}.items():
        regressor(f"{name}_2_targets", model, TARGETS)
    save("linear_doubles", fit(LinearRegression(), X, TARGET), [{"X": ASKED.astype(np.float64)}],
         [("X", DoubleTensorType([None, 4]))])
    save("linear_integers", fit(LinearRegression(), X, TARGET), [{"X": ASKED.astype(np.int64)}],
         [("X", Int64TensorType([None, 4]))])
    save("logistic_integers", fit(LogisticRegression(), X, Y), [{"X": ASKED.astype(np.int64)}],
         [("X", Int64TensorType([None, 4]))])
    save("logistic_doubles", fit(LogisticRegression(), X, Y), [{"X": ASKED.astype(np.float64)}],
         [("X", DoubleTensorType([None, 4]))])


def machines():
    for kernel in ["linear", "poly", "rbf", "sigmoid"]:
        # ONNX Runtime sums up large terms of both signs in single precision.
        loose = {} if kernel == "rbf" else dict(rtol=2e-4, atol=1e-3 if kernel == "poly" else 3e-5)
        model = SVC(kernel=kernel, gamma=0.1)
        classifier(f"svc_{kernel}", model, **loose)
        binary(f"svc_{kernel}", model, **loose)
        model = SVC(kernel=kernel, gamma=0.1, probability=True, random_state=0)
        classifier(f"svc_{kernel}_proba", model, **loose)
        binary(f"svc_{kernel}_proba", model, **loose)
        regressor(f"svr_{kernel}", SVR(kernel=kernel, gamma=0.1), **loose)
        regressor(f"one_class_svm_{kernel}", OneClassSVM(kernel=kernel, gamma=0.1, nu=0.3), None, **loose)
    classifier("svc_ovo", SVC(decision_function_shape="ovo"))
    classifier("svc_raw", SVC(), options={"raw_scores": True})
    classifier("nu_svc", NuSVC(nu=0.2))
    binary("nu_svc_proba", NuSVC(nu=0.2, probability=True, random_state=0))
    regressor("nu_svr", NuSVR())
    regressor("sgd_one_class_svm", SGDOneClassSVM(random_state=0), None)


def bayes():
    # Logarithms of probabilities are in the hundreds here.
    classifier("gaussian_nb", GaussianNB(), rtol=1e-4)
    binary("gaussian_nb", GaussianNB(), rtol=1e-4)
    for name, model in {"bernoulli_nb": BernoulliNB(binarize=1.5), "multinomial_nb": MultinomialNB(),
                        "complement_nb": ComplementNB()}.items():
        classifier(name, model, COUNTS, COUNTED, COUNTS[:9] + 1)
        classifier(f"{name}_binary", model, COUNTS, COUNTED > 0, COUNTS[:9] + 1, words=np.where(COUNTED > 0, "y", "n"))
    levels = np.minimum(COUNTS, 3).astype(np.int64)
    classifier("categorical_nb", CategoricalNB(), levels, COUNTED, levels[:9], types=[("X", Int64TensorType([None, 5]))])
    classifier("categorical_nb_floats", CategoricalNB(), levels.astype(np.float32), COUNTED,
               levels[:9].astype(np.float32))


def neighbours():
    few, labels, words = X[::2], Y[::2], WORDS[::2]
    for name, more in {"knn": {}, "knn_distance": {"weights": "distance"}, "knn_manhattan": {"metric": "manhattan"},
                       "knn_minkowski": {"metric": "minkowski", "p": 3}, "knn_cosine": {"metric": "cosine"},
                       "knn_chebyshev": {"metric": "chebyshev"}}.items():
        model = KNeighborsClassifier(3, **more)
        classifier(name, model, few, labels)
        regressor(f"{name}_regressor", KNeighborsRegressor(3, **more), TARGET[::2], few)
    binary("knn", KNeighborsClassifier(3))
    regressor("knn_2_targets", KNeighborsRegressor(3), TARGETS[::2], few)
    fitted = fit(KNeighborsClassifier(3), few, labels)
    # ONNX Runtime's distances are inexact enough to decide ties another way, so there are none.
    asked = ASKED[4:]
    save("knn_cdist", fitted, batches(asked), FLOATS, {id(fitted): {"optim": "cdist", "zipmap": False}})
    fitted = fit(KNeighborsRegressor(3), few, TARGET[::2])
    save("knn_regressor_cdist", fitted, batches(asked), FLOATS, {id(fitted): {"optim": "cdist"}})
    fitted = fit(KNeighborsRegressor(3, metric="manhattan"), few, TARGET[::2])
    save("knn_regressor_manhattan_cdist", fitted, batches(ASKED), FLOATS, {id(fitted): {"optim": "cdist"}})
    near = ASKED[:-3]
    classifier("radius", RadiusNeighborsClassifier(2.0), few, labels, near)
    regressor("radius_regressor", RadiusNeighborsRegressor(2.0), TARGET[::2], few, near)
    regressor("radius_regressor_distance", RadiusNeighborsRegressor(2.0, weights="distance"), TARGET[::2], few, near)
    transformer("nearest_neighbors", NearestNeighbors(n_neighbors=3), few)
    transformer("knn_transformer", KNeighborsTransformer(n_neighbors=3), few)
    classifier("nearest_centroid", NearestCentroid(), zipmap=False)
    regressor("local_outlier_factor", LocalOutlierFactor(5, novelty=True), None, few)
    transformer("nca", NeighborhoodComponentsAnalysis(2, random_state=0), y=Y)


def networks():
    for activation in ["relu", "tanh", "logistic", "identity"]:
        model = MLPClassifier((5,), activation, max_iter=30, random_state=0)
        classifier(f"mlp_{activation}", model)
        binary(f"mlp_{activation}", model)
        regressor(f"mlp_regressor_{activation}", MLPRegressor(hidden_layer_sizes=(5, 3), activation=activation, max_iter=30, random_state=0))
    regressor("mlp_regressor_2_targets", MLPRegressor(hidden_layer_sizes=(5,), max_iter=30, random_state=0), TARGETS)
    labels = np.stack([BINARY, Y > 0], axis=1).astype(int)
    model = fit(MLPClassifier((5,), max_iter=30, random_state=0), X, labels)
    save("mlp_multilabel", model, batches(ASKED), FLOATS, {id(model): {"zipmap": False}})


def gaussian():
    few, target = X[::4], TARGET[::4]
    for name, kernel in {
        "rbf": kernels.RBF() + kernels.WhiteKernel(0.1), "dot": kernels.DotProduct() + kernels.WhiteKernel(0.1),
        "constant": kernels.ConstantKernel(2.0) * kernels.RBF(2.0) + kernels.WhiteKernel(0.1),
        "matern": kernels.Matern(nu=1.5) + kernels.WhiteKernel(0.1),
        "quadratic": kernels.RationalQuadratic() + kernels.WhiteKernel(0.1),
        "periodic": kernels.ExpSineSquared(2.0, 3.0) + kernels.WhiteKernel(2.0),
        "pairwise": kernels.PairwiseKernel(metric="cosine") + kernels.WhiteKernel(0.1),
    }.items():
        # Sums of large weights of both signs: single precision leaves four digits.
        regressor(f"gp_{name}", GaussianProcessRegressor(kernel, optimizer=None), target, few, rtol=1e-3, atol=1e-4)
    fitted = fit(GaussianProcessRegressor(kernels.RBF() + kernels.WhiteKernel(0.1), optimizer=None), few, target)
    save("gp_std", fitted, batches(ASKED), FLOATS, {id(fitted): {"return_std": True}}, rtol=1e-3, atol=1e-4)
    save("gp_doubles", fitted, [{"X": ASKED.astype(np.float64)}], [("X", DoubleTensorType([None, 4]))])
    fitted = fit(GaussianProcessRegressor(kernels.RBF() + kernels.WhiteKernel(0.1), optimizer=None), few, target)
    save("gp_cdist", fitted, batches(ASKED), FLOATS, {id(fitted): {"optim": "cdist"}}, rtol=1e-3, atol=1e-4)
    model = GaussianProcessClassifier(optimizer=None)
    classifier("gpc_binary", model, few, BINARY[::4], words=YES[::4], rtol=1e-4)
    classifier("gpc", model, few, Y[::4], rtol=1e-4)


def clusters():
    for name, model in {"kmeans": KMeans(3, n_init=1, random_state=0),
                        "mini_batch_kmeans": MiniBatchKMeans(3, n_init=1, random_state=0)}.items():
        # Distances are small differences of large squares: ONNX Runtime is up to 3.5e-5 from the exact ones.
        transformer(name, model, rtol=5e-5)
    save("kmeans_doubles", fit(KMeans(3, n_init=1, random_state=0), X.astype(np.float64)),
         [{"X": ASKED.astype(np.float64)}], [("X", DoubleTensorType([None, 4]))])
    for kind in ["full", "tied", "diag", "spherical"]:
        model = fit(GaussianMixture(2, covariance_type=kind, random_state=0), X)
        save(f"gaussian_mixture_{kind}", model, batches(ASKED), FLOATS, rtol=1e-4, atol=1e-5)
        save(f"gaussian_mixture_{kind}_scores", model, batches(ASKED), FLOATS, {id(model): {"score_samples": True}},
             rtol=1e-4, atol=1e-5)
    model = fit(BayesianGaussianMixture(n_components=2, random_state=0), X)
    save("bayesian_gaussian_mixture", model, batches(ASKED), FLOATS, rtol=1e-4, atol=1e-5)


def reductions():
    for name, model in {
        "pca": PCA(2), "pca_whiten": PCA(2, whiten=True), "truncated_svd": TruncatedSVD(2, random_state=0),
        "incremental_pca": IncrementalPCA(2), "kernel_pca_rbf": KernelPCA(2, kernel="rbf", gamma=0.1),
        "kernel_pca_poly": KernelPCA(2, kernel="poly"), "kernel_pca_linear": KernelPCA(2),
        "kernel_pca_sigmoid": KernelPCA(2, kernel="sigmoid", gamma=0.01),
        "kernel_pca_cosine": KernelPCA(2, kernel="cosine"),
        "random_projection": GaussianRandomProjection(2, random_state=0),
        "fast_ica": FastICA(2, random_state=0), "factor_analysis": FactorAnalysis(2, random_state=0),
    }.items():
        # The components of a kernel are sums over all rows that nearly cancel out.
        loose = dict(rtol=1e-4, atol=1e-4) if "kernel" in name else {}
        transformer(name, model, X[::2] if "kernel" in name else X, **loose)
    for name, model in {
        "k_best": SelectKBest(f_classif, k=2), "percentile": SelectPercentile(f_classif, percentile=50),
        "fpr": SelectFpr(), "fdr": SelectFdr(), "fwe": SelectFwe(alpha=1e-12),
        "univariate": GenericUnivariateSelect(mode="k_best", param=2), "from_model": SelectFromModel(Ridge()),
        "rfe": RFE(Ridge(), n_features_to_select=2), "rfecv": RFECV(Ridge(), cv=2),
    }.items():
        transformer(f"select_{name}", model, y=Y)
    transformer("variance_threshold", VarianceThreshold(0.5))
    integers = np.round(X * 10).astype(np.int64)
    transformer("select_k_best_integers", SelectKBest(k=2), integers, integers[:5], [("X", Int64TensorType([None, 4]))],
                Y)


def preprocessing():
    holes = X.copy()
    holes[RNG.random(holes.shape) < 0.2] = np.nan
    asked = np.concatenate([ASKED[:4], holes[:6]])
    for name, model in {
        "standard": StandardScaler(), "standard_no_mean": StandardScaler(with_mean=False),
        "standard_no_std": StandardScaler(with_std=False), "min_max": MinMaxScaler(),
        "min_max_clip": MinMaxScaler((-1, 1), clip=True), "max_abs": MaxAbsScaler(), "robust": RobustScaler(),
        "robust_no_center": RobustScaler(with_centering=False),
    }.items():
        transformer(f"scaler_{name}", model)
    integers = np.round(X * 10).astype(np.int64)
    of_integers = [("X", Int64TensorType([None, 4]))]
    transformer("scaler_standard_integers", StandardScaler(), integers, integers[:5], of_integers)
    doubles = X.astype(np.float64)
    of_doubles = [("X", DoubleTensorType([None, 4]))]
    transformer("scaler_standard_doubles", StandardScaler(), doubles, doubles[:5], of_doubles)
    for norm in ["l1", "l2", "max"]:
        transformer(f"normalizer_{norm}", Normalizer(norm))
    transformer("normalizer_doubles", Normalizer(), doubles, doubles[:5], of_doubles)
    transformer("binarizer", Binarizer(threshold=1.5))
    for encode in ["ordinal", "onehot-dense", "onehot"]:
        for strategy in ["quantile", "uniform", "kmeans"]:
            transformer(f"bins_{encode}_{strategy}", KBinsDiscretizer(3, encode=encode, strategy=strategy, random_state=0))
    for name, more in {"2": {}, "3": {"degree": 3}, "interactions": {"interaction_only": True},
                       "no_bias": {"include_bias": False}}.items():
        transformer(f"polynomial_{name}", PolynomialFeatures(**more), X[:, :3], ASKED[:, :3])
    transformer("polynomial_integers", PolynomialFeatures(), integers, integers[:5], of_integers)
    for method in ["yeo-johnson", "box-cox"]:
        transformer(f"power_{method}", PowerTransformer(method), asked=ASKED[:-1], rtol=1e-4, atol=1e-5)
    transformer("quantile_transformer", QuantileTransformer(n_quantiles=10, random_state=0))
    transformer("spline", SplineTransformer())
    transformer("kernel_centerer", KernelCenterer(), X[:4] @ X[:4].T, (X[5:8] @ X[:4].T).astype(np.float32),
                atol=1e-4)
    for strategy in ["mean", "median", "most_frequent"]:
        transformer(f"imputer_{strategy}", SimpleImputer(strategy=strategy), holes, asked)
    transformer("imputer_constant", SimpleImputer(strategy="constant", fill_value=-1), holes, asked)
    transformer("imputer_zero", SimpleImputer(missing_values=0, strategy="mean"), COUNTS, COUNTS[:6])
    transformer("imputer_integers", SimpleImputer(missing_values=-1, strategy="most_frequent"),
                np.where(integers % 7 == 0, -1, integers), np.where(integers % 7 == 0, -1, integers)[:6], of_integers)
    text = np.array([["a", "x"], ["b", ""], ["", "x"], ["a", "y"]], object)
    of_text = [("X", StringTensorType([None, 2]))]
    transformer("imputer_strings", SimpleImputer(missing_values="", strategy="most_frequent"), text, text, of_text)
    transformer("imputer_strings_constant", SimpleImputer(missing_values="", strategy="constant", fill_value="?"), text,
                text, of_text)
    transformer("function_identity", FunctionTransformer())
    save("imputed_scaled_logistic", fit(make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()), holes, Y),
         batches(asked), FLOATS)


def encoders():
    text = np.array([[a, b] for a in ["red", "green", "blü"] for b in ["s", "m", "l"]] * 4, object)
    of_text = [("X", StringTensorType([None, 2]))]
    target = RNG.normal(size=len(text)) + (text[:, 0] == "red")
    known, unknown = text[:5], np.array([["red", "xl"], ["", "s"], ["blü", "m"]], object)
    transformer("one_hot_strings", OneHotEncoder(handle_unknown="ignore"), text, np.concatenate([known, unknown]), of_text)
    transformer("one_hot_strings_strict", OneHotEncoder(), text, known, of_text)
    transformer("one_hot_strings_dense", OneHotEncoder(sparse_output=False), text, known, of_text)
    transformer("one_hot_drop_first", OneHotEncoder(drop="first"), text, known, of_text)
    transformer("one_hot_drop_binary", OneHotEncoder(drop="if_binary"), text, known, of_text)
    transformer("one_hot_infrequent", OneHotEncoder(min_frequency=13, handle_unknown="infrequent_if_exist"), text, known,
                of_text)
    integers = RNG.integers(-2, 4, size=(30, 3))
    of_integers = [("X", Int64TensorType([None, 3]))]
    transformer("one_hot_integers", OneHotEncoder(handle_unknown="ignore"), integers, np.concatenate([integers[:4], [[9] * 3]]),
                of_integers)
    floats = integers.astype(np.float32)
    transformer("one_hot_floats", OneHotEncoder(handle_unknown="ignore"), floats, floats[:5])
    transformer("ordinal_strings", OrdinalEncoder(), text, known, of_text)
    transformer("ordinal_unknown", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), text,
                np.concatenate([known, unknown]), of_text)
    transformer("ordinal_integers", OrdinalEncoder(), integers, integers[:5], of_integers)
    transformer("ordinal_floats", OrdinalEncoder(), floats, floats[:5])
    transformer("target_strings", TargetEncoder(random_state=0), text, known, of_text, target)
    transformer("target_integers", TargetEncoder(random_state=0), integers, integers[:5], of_integers, RNG.normal(size=30))
    transformer("target_strings_classes", TargetEncoder(random_state=0), text, known, of_text, (target > 0.5).astype(int))
    column = text[:, 0]
    for name, model in {"label_encoder": LabelEncoder(), "label_binarizer": LabelBinarizer()}.items():
        if ONLY in name:
            save(f"{name}_strings", fit(model, column), [{"X": known[:, :1]}], [("X", StringTensorType([None, 1]))])
            save(f"{name}_integers", fit(sklearn.base.clone(model), integers[:, 0]), [{"X": integers[:5, :1]}],
                 [("X", Int64TensorType([None, 1]))])
    classifier("one_hot_logistic", make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()), text,
               (target > 0.5).astype(int), np.concatenate([known, unknown]), np.where(target > 0.5, "hi", "lo"), of_text,
               zipmap=False)


def tables():
    """Several inputs of several types, as from a data frame."""
    import pandas

    count = 40
    frame = pandas.DataFrame({
        "age": RNG.integers(18, 80, count), "fare": RNG.gamma(2, 20, count).astype(np.float32),
        "sex": RNG.choice(["male", "female"], count), "port": RNG.choice(["C", "Q", "S", ""], count),
        "member": RNG.choice([False, True], count),
    })
    frame.loc[::6, "fare"] = np.nan
    survived = ((frame.sex == "female") ^ (frame.age > 60)).astype(int)
    types = [("age", Int64TensorType([None, 1])), ("fare", FloatTensorType([None, 1])),
             ("sex", StringTensorType([None, 1])), ("port", StringTensorType([None, 1]))]
    columns = [name for name, _ in types]
    question = lambda rows: {
        "age": rows.age.to_numpy().reshape(-1, 1), "fare": rows.fare.to_numpy().reshape(-1, 1).astype(np.float32),
        "sex": rows.sex.to_numpy(dtype=object).reshape(-1, 1), "port": rows.port.to_numpy(dtype=object).reshape(-1, 1),
    }
    questions = [question(frame[:7]), question(frame[8:9])]
    prepare = ColumnTransformer([
        ("fare", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["fare"]),
        ("age", StandardScaler(), ["age"]),
        ("words", OneHotEncoder(handle_unknown="ignore"), ["sex", "port"]),
    ])
    for name, last, plain in [
        ("table_logistic", LogisticRegression(), False), ("table_logistic_plain", LogisticRegression(), True),
        ("table_svc", SVC(probability=True, random_state=0), True), ("table_knn", KNeighborsClassifier(3), True),
        ("table_mlp", MLPClassifier((4,), max_iter=20, random_state=0), True),
    ]:
        model = fit(Pipeline([("prepare", prepare), ("model", last)]), frame[columns], survived)
        save(name, model, questions, types, {id(model): {"zipmap": False}} if plain else None)
    model = fit(Pipeline([("prepare", prepare), ("model", Ridge())]), frame[columns], frame.age / 2)
    save("table_ridge", model, questions, types)
    rest = ColumnTransformer([("age", MinMaxScaler(), ["age"]), ("sex", OrdinalEncoder(), ["sex"])], remainder="drop")
    save("table_alone", fit(rest, frame[columns]), questions, types)
    rest = ColumnTransformer([("age", MinMaxScaler(), ["age"])], remainder="passthrough")
    save("table_passthrough", fit(rest, frame[["age", "fare"]]), [{k: q[k] for k in ("age", "fare")} for q in questions],
         types[:2])
    typed = types[:1] + [("member", BooleanTensorType([None, 1]))]
    numbers = ColumnTransformer([("age", StandardScaler(), ["age"]), ("member", OneHotEncoder(), ["member"])])
    member = frame.member.to_numpy().reshape(-1, 1)
    save("table_booleans", fit(numbers, frame[["age", "member"]]),
         [{"age": questions[0]["age"], "member": member[:7]}], typed)
    columns = ColumnTransformer([("a", StandardScaler(), [0, 2]), ("b", "passthrough", [1]), ("c", Normalizer(), slice(2, 4))])
    classifier("columns_logistic", make_pipeline(columns, LogisticRegression()), zipmap=False)


def combined():
    logistic = LogisticRegression(max_iter=500)
    classifier("pipeline_pca", make_pipeline(StandardScaler(), PCA(2), logistic), zipmap=False)
    classifier("pipeline_polynomial", make_pipeline(PolynomialFeatures(), StandardScaler(), logistic), zipmap=False)
    classifier("pipeline_svc", make_pipeline(StandardScaler(), SVC()), zipmap=False)
    union = FeatureUnion([("pca", PCA(2)), ("scaled", make_pipeline(MinMaxScaler(), Normalizer()))])
    transformer("union", union)
    regressor("pipeline_union", make_pipeline(union, Ridge()))
    regressor("pipeline_mlp", make_pipeline(StandardScaler(), MLPRegressor(hidden_layer_sizes=(5,), max_iter=30, random_state=0)))
    classifier("calibrated_sigmoid", CalibratedClassifierCV(LinearSVC(random_state=0), cv=2))
    binary("calibrated_sigmoid", CalibratedClassifierCV(LinearSVC(random_state=0), cv=2))
    classifier("calibrated_isotonic", CalibratedClassifierCV(logistic, method="isotonic", cv=2))
    classifier("calibrated_nb", CalibratedClassifierCV(GaussianNB(), cv=2))
    classifier("one_vs_rest", OneVsRestClassifier(logistic))
    classifier("one_vs_rest_svc", OneVsRestClassifier(SVC(probability=True, random_state=0)))
    binary("one_vs_rest", OneVsRestClassifier(logistic))
    classifier("one_vs_one", OneVsOneClassifier(LinearSVC(random_state=0)))
    classifier("one_vs_one_logistic", OneVsOneClassifier(logistic))
    classifier("output_code", OutputCodeClassifier(logistic, random_state=0))
    classifier("stacking", StackingClassifier([("a", logistic), ("b", GaussianNB())], cv=2))
    classifier("stacking_passthrough", StackingClassifier([("a", logistic), ("b", LinearSVC())], cv=2, passthrough=True))
    regressor("stacking_regressor", StackingRegressor([("a", Ridge()), ("b", LinearRegression())], cv=2))
    three = [("a", logistic), ("b", GaussianNB()), ("c", KNeighborsClassifier(3))]
    for voting in ["hard", "soft"]:
        for weights in [None, np.array([1, 2, 0.5])]:
            model = VotingClassifier(three, voting=voting, weights=weights, flatten_transform=False)
            classifier(f"voting_{voting}{'' if weights is None else '_weighted'}", model, rtol=1e-4)
    regressor("voting_regressor", VotingRegressor([("a", Ridge()), ("b", SVR())]))
    classifier("bagging", BaggingClassifier(logistic, n_estimators=3, max_features=0.75, random_state=0))
    regressor("bagging_regressor", BaggingRegressor(Ridge(), n_estimators=3, random_state=0))
    classifier("bagging_svc", BaggingClassifier(SVC(), n_estimators=2, random_state=0))
    classifier("grid_search", GridSearchCV(logistic, {"C": [0.1, 1]}, cv=2))
    binary("tuned_threshold", TunedThresholdClassifierCV(logistic, cv=2))
    regressor("multi_output_regressor", MultiOutputRegressor(Ridge()), TARGETS)
    regressor("regressor_chain", RegressorChain(Ridge()), TARGETS)
    save("classifier_chain", fit(ClassifierChain(logistic), X, np.stack([BINARY, Y > 0], axis=1)), batches(ASKED), FLOATS)
    regressor("transformed_target", TransformedTargetRegressor(Ridge(), transformer=StandardScaler()))
    regressor("elliptic", EllipticEnvelope(random_state=0), None)


def doubles():
    """Models for inputs in double precision: most operators of `ai.onnx.ml` are avoided then."""
    few = X[::2].astype(np.float64)
    asked = [{"X": ASKED.astype(np.float64)}]
    table = np.where(few > 5, np.nan, few)
    for name, model, *target in [
        ("logistic", LogisticRegression(), Y[::2]), ("logistic_binary", LogisticRegression(), BINARY[::2]),
        ("svc", SVC(), Y[::2]), ("gaussian_nb", GaussianNB(), Y[::2]), ("knn", KNeighborsClassifier(3), Y[::2]),
        ("mlp_binary", MLPClassifier((4,), max_iter=20, random_state=0), BINARY[::2]),
        ("mlp_regressor", MLPRegressor(hidden_layer_sizes=(4,), activation="logistic", max_iter=20, random_state=0),
         TARGET[::2]),
        ("svr", SVR(), TARGET[::2]), ("ridge", Ridge(), TARGET[::2]), ("pca", PCA(2)), ("pipeline", make_pipeline(
            SimpleImputer(), StandardScaler(), LogisticRegression()), Y[::2]),
        ("gaussian_mixture", GaussianMixture(2, random_state=0)), ("power", PowerTransformer()),
        ("quantile_transformer", QuantileTransformer(n_quantiles=10, random_state=0)), ("normalizer", Normalizer()),
        ("knn_regressor", KNeighborsRegressor(3, weights="distance"), TARGET[::2]),
        ("calibrated", CalibratedClassifierCV(LinearSVC(random_state=0), cv=2), Y[::2]),
    ]:
        fitted = fit(model, table if name == "pipeline" else few, *target)
        plain = {id(fitted): {"zipmap": False}} if sklearn.base.is_classifier(fitted) else None
        save(f"doubles_{name}", fitted, asked, [("X", DoubleTensorType([None, 4]))], plain, rtol=1e-5)


def small():
    """What skl2onnx adds to scikit-learn itself."""
    from skl2onnx.sklapi import CastRegressor, CastTransformer, ReplaceTransformer
    from sklearn.feature_extraction import FeatureHasher

    transformer("cast", make_pipeline(CastTransformer(dtype=np.float64), StandardScaler(), CastTransformer()))
    transformer("replace", make_pipeline(ReplaceTransformer(from_value=1.5, to_value=-1.0)))
    regressor("cast_regressor", CastRegressor(Ridge(), dtype=np.float64))
    words = np.array([["a"], ["b"], ["c"]], object)
    transformer("feature_hasher", FeatureHasher(4, input_type="string"), words, words, [("X", StringTensorType([None, 1]))])


GROUPS = [doubles, small, linear, machines, bayes, neighbours, networks, gaussian, clusters, reductions, preprocessing, encoders, tables,
          combined]

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for group in GROUPS:
        try:
            group()
        except Exception as error:
            failures.append(f"{group.__name__} ends early: {error!r}")
    print(f"{len(written)} written; not exported:")
    print("\n".join(failures))
